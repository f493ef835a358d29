package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func ExampleSigner() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Unix(1614265330, 0)
	fmt.Println(signer.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`)))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

func ExampleVerifier() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		fmt.Println(err)
		return
	}
	header := make(http.Header)
	header.Set(webhook.HeaderID, "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set(webhook.HeaderTimestamp, "1614265330")
	header.Set(webhook.HeaderSignature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	body := []byte(`{"test": 2432232314}`)

	verifier := webhook.NewVerifier(secret)
	event, err := verifier.Verify(header, body, time.Unix(1614265330, 0)) // a receiver passes time.Now()
	fmt.Println(event.ID, err)

	body[10] ^= 1
	_, err = verifier.Verify(header, body, time.Unix(1614265330, 0))
	fmt.Println(errors.Is(err, webhook.ErrNoMatch))
	// Output:
	// msg_p5jXN8AQM9LWM0D4loKWxJek <nil>
	// true
}

func ExampleSecret_Public() {
	private, err := webhook.ParseSecret("whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(private)
	fmt.Println(private.Public())
	// Output:
	// whsk_[redacted]
	// whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=
}

func ExampleHandler() {
	secret := webhook.GenerateSecret()
	h := webhook.NewHandler(webhook.NewVerifier(secret), nil)
	h.On("record.create", func(_ context.Context, e webhook.Event) error {
		fmt.Printf("%s: %s\n", e.Type, e.Body)
		return nil
	})
	h.On("form.*", func(_ context.Context, e webhook.Event) error {
		fmt.Printf("a form: %s\n", e.Type)
		return nil
	})

	deliver := func(id, eventType, body string) {
		signer, err := webhook.NewSigner(secret)
		if err != nil {
			fmt.Println(err)
			return
		}
		now := time.Now()
		r := httptest.NewRequest("POST", "/webhooks", strings.NewReader(body))
		r.Header.Set(webhook.HeaderID, id)
		r.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		r.Header.Set(webhook.HeaderSignature, signer.Sign(id, now, []byte(body)))
		r.Header.Set(webhook.HeaderEventType, eventType)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	deliver("msg_1", "record.create", `{"id":863}`)
	deliver("msg_1", "record.create", `{"id":863}`)
	deliver("msg_2", "form.update", `{}`)
	deliver("msg_3", "layer.create", `{}`)
	// Output:
	// record.create: {"id":863}
	// 200 {"outcome":"handled"}
	// 200 {"outcome":"duplicate"}
	// a form: form.update
	// 200 {"outcome":"handled"}
	// 200 {"outcome":"ignored"}
}

func ExampleProfile() {
	message := &webhook.Message{Time: time.Unix(1492774577, 0), Body: []byte(`{"id":"evt_1"}`)}
	signed, err := webhook.Stripe.Sign(message, "whsec_test_secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	request := httptest.NewRequest("POST", "/hook", nil)
	for _, field := range signed.Header {
		request.Header.Set(field.Name, field.Value)
	}

	verifier, err := webhook.Stripe.Verifier("whsec_test_secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := verifier.VerifyRequest(request, message.Body, message.Time) // a receiver passes time.Now()
	fmt.Println(event.Time.UTC(), err)
	// Output: 2017-04-21 11:36:17 +0000 UTC <nil>
}
