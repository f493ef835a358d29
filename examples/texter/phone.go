package texter

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/fanfarehq/fanfare/connect/fake"
)

// TrialPrefix begins each text from a trial account of Twilio's.
const TrialPrefix = "Sent from your Twilio trial account - "

// A Phone stands in for Twilio and for the telephone of whoever is texted: its page
// shows the texts.
type Phone struct {
	Trial bool // the account is a trial account

	taker http.Handler
}

// NewPhone makes a Phone, which takes and refuses what [fake.Twilio] does.
func NewPhone() *Phone { return &Phone{taker: fake.Twilio()} }

// Account is one that the phone takes texts of, at its URL.
func (p *Phone) Account(url string) *Account {
	return &Account{
		SID: "AC0123456789abcdef0123456789abcdef", Token: "any but wrong",
		From: "+15005550006", To: "+15005550010", URL: url,
	}
}

// Texts are those that came, as the phone shows them, the newest first.
func (p *Phone) Texts() ([]string, error) {
	w := httptest.NewRecorder()
	p.taker.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
	var taken []struct{ Body string }
	if err := json.Unmarshal(w.Body.Bytes(), &taken); err != nil {
		return nil, err
	}
	texts := make([]string, len(taken))
	for i, one := range taken {
		texts[i] = one.Body
		if p.Trial {
			texts[i] = TrialPrefix + one.Body
		}
	}
	slices.Reverse(texts)
	return texts, nil
}

// ServeHTTP shows the texts at /, and is Twilio's API at all other paths.
func (p *Phone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		p.taker.ServeHTTP(w, r)
		return
	}
	texts, err := p.Texts()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	phonePage.Execute(w, texts) // who does not read it, does not
}

var phonePage = template.Must(template.New("phone").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2">
<title>A telephone</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
li { list-style: none; background: #e4e6ea; border-radius: 1rem; padding: .5rem 1rem; margin: .5rem 0 }
ol { padding: 0 }
</style>
<h1>Texts</h1>
{{if .}}<ol>{{range .}}<li>{{.}}</li>{{end}}</ol>{{else}}<p>None has come yet.</p>{{end}}
</html>
`))
