package ui_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// An issuer is a small OpenID provider: it gives a code for whoever it is told is there,
// and for the code, once and to who began it, a token that is really signed.
type issuer struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey

	mu     sync.Mutex
	claims map[string]any // of who is there
	info   map[string]any // what the userinfo endpoint says; nil: there is none
	codes  map[string]url.Values
	bend   func(*ticket) // nil: nothing is wrong
	answer http.HandlerFunc
	sent   []string // what must not be seen in logs
}

// A ticket is a token before it is signed.
type ticket struct {
	head, claims map[string]any
	key          *rsa.PrivateKey
	secret       []byte // of an HMAC instead
	raw          string // instead of all that
}

const (
	clientID     = "fanfare-console"
	clientSecret = "a client's secret"
)

// oneKey is of all issuers: to make one takes a while.
var oneKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// newIssuer starts one, perhaps behind something that stands before it.
func newIssuer(t *testing.T, before ...func(http.Handler) http.Handler) *issuer {
	is := &issuer{t: t, key: oneKey(), codes: map[string]url.Values{}, claims: map[string]any{"sub": "1", "email": "ann@example.com", "email_verified": true}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		about := map[string]any{
			"issuer": is.URL, "authorization_endpoint": is.URL + "/auth", "token_endpoint": is.URL + "/token", "jwks_uri": is.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
		if is.info != nil {
			about["userinfo_endpoint"] = is.URL + "/me"
		}
		is.write(w, 200, about)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		is.write(w, 200, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": encode(is.key.N.Bytes()), "e": encode(big.NewInt(int64(is.key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer at-") {
			is.write(w, 401, nil)
			return
		}
		is.write(w, 200, is.info)
	})
	mux.HandleFunc("POST /token", is.token)
	mux.HandleFunc("/elsewhere", func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s with the code %q went elsewhere", r.Method, r.FormValue("code"))
	})
	handler := http.Handler(mux)
	for _, stand := range before {
		handler = stand(handler)
	}
	is.Server = httptest.NewServer(handler)
	t.Cleanup(is.Close)
	return is
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (is *issuer) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		is.t.Error(err)
	}
}

// authorize lets whoever is there go back, with a code for what the client asked.
func (is *issuer) authorize(asked url.Values) (code string) {
	is.mu.Lock()
	defer is.mu.Unlock()
	code = "code-" + rand.Text()
	is.codes[code] = asked
	is.sent = append(is.sent, code, asked.Get("nonce"))
	return code
}

func (is *issuer) token(w http.ResponseWriter, r *http.Request) {
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.answer != nil {
		is.answer(w, r)
		return
	}
	id, secret, ok := r.BasicAuth()
	if decoded, err := url.QueryUnescape(secret); !ok || err != nil || id != clientID || decoded != clientSecret {
		is.write(w, 401, map[string]any{"error": "invalid_client"})
		return
	}
	asked, ok := is.codes[r.FormValue("code")]
	delete(is.codes, r.FormValue("code"))
	verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || asked.Get("code_challenge_method") != "S256" || asked.Get("code_challenge") != encode(verifier[:]) || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		is.write(w, 400, map[string]any{"error": "invalid_grant"})
		return
	}
	now := time.Now().Unix()
	tk := &ticket{head: map[string]any{"alg": "RS256", "kid": "1"}, key: is.key, claims: map[string]any{"iss": is.URL, "aud": clientID, "iat": now, "exp": now + 60, "nonce": asked.Get("nonce")}}
	maps.Copy(tk.claims, is.claims)
	if is.bend != nil {
		is.bend(tk)
	}
	raw, access := is.sign(tk), "at-"+rand.Text()
	is.sent = append(is.sent, raw, access, r.FormValue("code_verifier"))
	is.write(w, 200, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": raw})
}

func (is *issuer) sign(tk *ticket) string {
	if tk.raw != "" {
		return tk.raw
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			is.t.Error(err)
		}
		return encode(text)
	}
	text := part(tk.head) + "." + part(tk.claims)
	switch {
	case tk.head["alg"] == "none":
		return text + "."
	case tk.secret != nil:
		mac := hmac.New(sha256.New, tk.secret)
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil))
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, tk.key, crypto.SHA256, sum[:])
	if err != nil {
		is.t.Error(err)
	}
	return text + "." + encode(signature)
}

// publicPEM is the issuer's key as it may be known to everyone.
func (is *issuer) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&is.key.PublicKey)
	if err != nil {
		is.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
