package fanfare

// pasteAt says where at a service the address and the secret go.
var pasteAt = map[string]string{
	"github":         "At GitHub, in the settings of the repository, under Webhooks: the url is the Payload URL, and the secret the Secret; either content type will do.",
	"stripe":         "At Stripe, add the url as an endpoint; its signing secret, which begins with whsec_, is the secret.",
	"slack":          "At Slack, the url is the Request URL, and the app's Signing Secret the secret.",
	"slack-outgoing": "At Slack, the url goes where the outgoing webhook sends to; its Token is the secret.",
	"mandrill":       "At Mandrill, the url is the Post To URL of a webhook; its key is the secret.",
	"twilio":         "At Twilio, the url goes where a number sends what it receives; the account's auth token is the secret.",
	"none":           "Whoever knows the url can send: keep it as a secret.",
}

// WhereToPaste says where at the service of a source's profile its url and its secret go;
// "": nothing is known of it.
func WhereToPaste(profile string) string { return pasteAt[profile] }
