package webhook

// about says of each profile in a line what it sends.
var about = map[Profile]string{
	Standard:  "Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature, over id, time and body",
	GitHub:    "HMAC-SHA256 of the body, in X-Hub-Signature-256, as GitHub",
	Stripe:    "HMAC-SHA256 of time and body, in Stripe-Signature",
	Slack:     "HMAC-SHA256 of time and body, in X-Slack-Signature",
	Mandrill:  "HMAC-SHA1 of the URL and the form's fields, in X-Mandrill-Signature",
	Twilio:    "HMAC-SHA1 of the URL and the form's fields, in X-Twilio-Signature",
	Shopify:   "HMAC-SHA256 of the body in base64, in X-Shopify-Hmac-Sha256, beside X-Shopify-Topic, -Webhook-Id, -Shop-Domain and -API-Version",
	Dropbox:   "HMAC-SHA256 of the body, in X-Dropbox-Signature",
	RESTHooks: "HMAC-SHA256 of the body, in X-Hook-Signature, as resthooks.org and Asana",
	Intercom:  "HMAC-SHA1 of the body, in X-Hub-Signature, as Intercom and WebSub",
	Query:     "id, time and signature in the URL's query, for receivers that cannot see headers",
	Basic:     "no signature: the secret is sent as HTTP Basic credentials",
	BodyToken: "no signature: the secret is sent in the body, as its member \"token\"",
	None:      "nothing",
}

// About says in a line what requests of the profile carry; "" for one that is not
// [Profile.Known].
func (p Profile) About() string { return about[p] }
