package ui

import "fmt"

// A snippet is how to receive messages in a language. The secret is not in it: where it
// goes, an environment variable stands.
type snippet struct {
	Language string
	Code     copyable
}

// snippets are of what is signed by Standard Webhooks.
func snippets() []snippet {
	all := [][2]string{
		{"Go", `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/fanfarehq/fanfare/webhook"
)

func main() {
	secret, err := webhook.ParseSecret(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	h := webhook.NewHandler(webhook.NewVerifier(secret), nil)
	h.On("*", func(ctx context.Context, e webhook.Event) error {
		log.Printf("%s", e.Body)
		return nil
	})
	http.Handle("POST /webhooks", h)
	log.Fatal(http.ListenAndServe(":3000", nil))
}
`},
		{"Node.js", `// npm install standardwebhooks express
import express from "express";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
express()
  .post("/webhooks", express.raw({ type: "*/*" }), (req, res) => {
    try {
      console.log(webhook.verify(req.body, req.headers));
    } catch {
      return res.sendStatus(400);
    }
    res.sendStatus(204);
  })
  .listen(3000);
`},
		{"Python", `# pip install standardwebhooks flask
import os
from flask import Flask, request
from standardwebhooks.webhooks import Webhook

app = Flask(__name__)
webhook = Webhook(os.environ["WEBHOOK_SECRET"])

@app.post("/webhooks")
def receive():
    try:
        message = webhook.verify(request.get_data(), dict(request.headers))
    except Exception:
        return "", 400
    print(message)
    return "", 204
`},
		{"Ruby", `# gem install sinatra
require "base64"
require "openssl"
require "sinatra"

post "/webhooks" do
  body = request.body.read
  id, at = request.env.values_at("HTTP_WEBHOOK_ID", "HTTP_WEBHOOK_TIMESTAMP")
  halt 400 if (Time.now.to_i - at.to_i).abs > 300
  key = Base64.decode64(ENV.fetch("WEBHOOK_SECRET").delete_prefix("whsec_"))
  want = "v1," + Base64.strict_encode64(OpenSSL::HMAC.digest("sha256", key, "#{id}.#{at}.#{body}"))
  given = request.env["HTTP_WEBHOOK_SIGNATURE"].to_s.split
  halt 400 unless given.any? { |s| Rack::Utils.secure_compare(s, want) }
  puts body
  204
end
`},
		{"PHP", `<?php
$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$at = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$key = base64_decode(substr(getenv('WEBHOOK_SECRET'), strlen('whsec_')));
$want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
$ok = abs(time() - (int) $at) <= 300;
$same = false;
foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
    $same = $same || hash_equals($want, $given);
}
if (!$ok || !$same) {
    http_response_code(400);
    exit;
}
error_log($body);
http_response_code(204);
`},
		{"Java", `// In a handler that has the body as bytes and the three headers.
static boolean signed(byte[] body, String id, String at, String signatures) throws Exception {
    if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(at)) > 300) return false;
    String secret = System.getenv("WEBHOOK_SECRET").substring("whsec_".length());
    javax.crypto.Mac mac = javax.crypto.Mac.getInstance("HmacSHA256");
    mac.init(new javax.crypto.spec.SecretKeySpec(java.util.Base64.getDecoder().decode(secret), "HmacSHA256"));
    mac.update((id + "." + at + ".").getBytes(java.nio.charset.StandardCharsets.UTF_8));
    byte[] want = ("v1," + java.util.Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes();
    for (String given : signatures.split(" "))
        if (java.security.MessageDigest.isEqual(want, given.getBytes())) return true;
    return false;
}
`},
		{"Apps Script", appsScript},
	}
	return snippetsOf(all)
}

const appsScript = `// Deploy as a web app for "Anyone". A web app does not see headers, so that it cannot
// look at the signature: keep its URL to yourself.
function doPost(e) {
  const message = JSON.parse(e.postData.contents);
  SpreadsheetApp.openById("YOUR SHEET").appendRow([new Date(), JSON.stringify(message)]);
  return ContentService.createTextOutput("ok");
}
`

// senders send something to an address, in a few lines.
func senders(to string) []snippet {
	return snippetsOf([][2]string{
		{"JavaScript", fmt.Sprintf(`const body = JSON.stringify({ hello: "world" });
const res = await fetch(%q, { method: "POST", headers: { "Content-Type": "application/json" }, body });
console.log(res.status, await res.text());
`, to)},
		{"Python", fmt.Sprintf(`import urllib.request
req = urllib.request.Request(%q, b'{"hello": "world"}', {"Content-Type": "application/json"})
print(urllib.request.urlopen(req).status)
`, to)},
		{"Go", fmt.Sprintf(`res, err := http.Post(%q, "application/json", strings.NewReader(`+"`"+`{"hello":"world"}`+"`"+`))
if err == nil {
	fmt.Println(res.Status)
}
`, to)},
	})
}
