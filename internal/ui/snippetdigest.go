package ui

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/fanfarehq/fanfare/webhook"
)

// A digest is how a profile signs that puts an HMAC-SHA256 of the body into a header.
type digest struct {
	header, prefix string
	base64         bool // or else hexadecimal digits
}

var digests = map[webhook.Profile]digest{
	webhook.GitHub:    {header: "X-Hub-Signature-256", prefix: "sha256="},
	webhook.Shopify:   {header: "X-Shopify-Hmac-Sha256", base64: true},
	webhook.Dropbox:   {header: "X-Dropbox-Signature"},
	webhook.RESTHooks: {header: "X-Hook-Signature"},
}

// receiversOf are receivers of what is signed in a profile: in every language where that
// is done in a few lines.
func receiversOf(p webhook.Profile) []snippet {
	switch {
	case p == "", p == webhook.Standard:
		return snippets()
	case p == webhook.None:
		return snippetsOf([][2]string{{"Apps Script", appsScript}})
	}
	all := [][2]string{{"Go", fmt.Sprintf(goOfProfile, p)}}
	if d, ok := digests[p]; ok {
		all = append(all, d.receivers()...)
	}
	return snippetsOf(all)
}

func snippetsOf(all [][2]string) (out []snippet) {
	for _, s := range all {
		out = append(out, snippet{s[0], copyable{Text: s[1], Label: "the lines in " + s[0], Block: true}})
	}
	return out
}

// goOfProfile has the profile's name put in.
const goOfProfile = `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/fanfarehq/fanfare/webhook"
)

func main() {
	verifier, err := webhook.Profile(%q).Verifier(os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	h := webhook.NewHandler(verifier, nil)
	h.On("*", func(ctx context.Context, e webhook.Event) error {
		log.Printf("%%s", e.Body)
		return nil
	})
	http.Handle("POST /webhooks", h)
	log.Fatal(http.ListenAndServe(":3000", nil))
}
`

// receivers are in these texts but for the digest: HEADER, CGI (the header as it is called
// in the environment), PREFIX, and HEX{…} or BASE64{…} around what depends on the digits.
func (d digest) receivers() [][2]string {
	cgi := "HTTP_" + strings.ToUpper(strings.ReplaceAll(d.header, "-", "_"))
	pairs := []string{"HEADER", http.CanonicalHeaderKey(d.header), "LOWER", strings.ToLower(d.header), "CGI", cgi}
	if d.prefix == "" {
		pairs = append(pairs, `"PREFIX" + `, "", `'PREFIX' . `, "")
	}
	fill := strings.NewReplacer(append(pairs, "PREFIX", d.prefix)...)
	all := [][2]string{
		{"Node.js", `import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

createServer(async (req, res) => {
  const parts = [];
  for await (const part of req) parts.push(part);
  const body = Buffer.concat(parts);
  const want = Buffer.from("PREFIX" + createHmac("sha256", process.env.WEBHOOK_SECRET).update(body).digest("HEX{hex}BASE64{base64}"));
  const given = Buffer.from(req.headers["LOWER"] ?? "");
  const same = given.length === want.length && timingSafeEqual(given, want);
  if (same) console.log(body.toString());
  res.writeHead(same ? 204 : 400).end();
}).listen(3000);
`},
		{"Python", `import base64, hashlib, hmac, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mac = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), body, hashlib.sha256)
        want = "PREFIX" + HEX{mac.hexdigest()}BASE64{base64.b64encode(mac.digest()).decode()}
        same = hmac.compare_digest(want.encode(), self.headers.get("HEADER", "").encode())
        if same:
            print(body.decode())
        self.send_response(204 if same else 400)
        self.end_headers()

HTTPServer(("", 3000), Receiver).serve_forever()
`},
		{"Ruby", `# gem install sinatra
require "base64"
require "openssl"
require "sinatra"

post "/webhooks" do
  body = request.body.read
  want = "PREFIX" + HEX{OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("WEBHOOK_SECRET"), body)}BASE64{Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", ENV.fetch("WEBHOOK_SECRET"), body))}
  halt 400 unless Rack::Utils.secure_compare(want, request.env["CGI"].to_s)
  puts body
  204
end
`},
		{"PHP", `<?php
$body = file_get_contents('php://input');
$want = 'PREFIX' . HEX{hash_hmac('sha256', $body, getenv('WEBHOOK_SECRET'))}BASE64{base64_encode(hash_hmac('sha256', $body, getenv('WEBHOOK_SECRET'), true))};
if (!hash_equals($want, $_SERVER['CGI'] ?? '')) {
    http_response_code(400);
    exit;
}
error_log($body);
http_response_code(204);
`},
		{"Java", `// In a handler that has the body as bytes and the header HEADER.
static boolean signed(byte[] body, String signature) throws Exception {
    javax.crypto.Mac mac = javax.crypto.Mac.getInstance("HmacSHA256");
    mac.init(new javax.crypto.spec.SecretKeySpec(System.getenv("WEBHOOK_SECRET").getBytes(), "HmacSHA256"));
    byte[] digest = mac.doFinal(body);
    String want = "PREFIX" + HEX{java.util.HexFormat.of().formatHex(digest)}BASE64{java.util.Base64.getEncoder().encodeToString(digest)};
    return java.security.MessageDigest.isEqual(want.getBytes(), signature.getBytes());
}
`},
	}
	for i := range all {
		all[i][1] = d.digits(fill.Replace(all[i][1]))
	}
	return all
}

// digits leaves of HEX{…}BASE64{…} what is in the braces of one of them.
func (d digest) digits(text string) string {
	for {
		before, rest, ok := strings.Cut(text, "HEX{")
		if !ok {
			return text
		}
		hexadecimal, rest, _ := strings.Cut(rest, "}BASE64{")
		inBase64, after, _ := strings.Cut(rest, "}")
		if d.base64 {
			hexadecimal = inBase64
		}
		text = before + hexadecimal + after
	}
}
