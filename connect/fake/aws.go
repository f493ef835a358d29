package fake

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The key that fakes of AWS's services know, and its secret.
const (
	AWSKey    = "AKIAFANFAREEXAMPLE"
	AWSSecret = "made-up-secret-of-the-fake-key"
)

// maxAWS bounds what a fake of AWS reads of a request, in bytes.
const maxAWS = 16 << 20

// An awsError is one as AWS has them.
type awsError struct {
	status        int
	code, message string
}

// awsBody reads a request that is signed with the known key. The signature is made anew,
// by AWS's own signer, and must be the same.
func awsBody(r *http.Request, service string) ([]byte, *awsError) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxAWS))
	if err != nil {
		return nil, &awsError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The body is too large"}
	}
	parts := make(map[string]string) // AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for part := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/") // key, day, region, service, aws4_request
	signed := strings.Split(parts["SignedHeaders"], ";")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || len(scope) != 5 || scope[3] != service || !slices.Contains(signed, "host") {
		return nil, &awsError{http.StatusForbidden, "MissingAuthenticationToken", "The request must contain a signature of version 4"}
	}
	if scope[0] != AWSKey {
		return nil, &awsError{http.StatusForbidden, unknownKey(service), "The key that was given does not exist in our records."}
	}
	if skew := time.Since(at); skew < -15*time.Minute || skew > 15*time.Minute {
		return nil, &awsError{http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."}
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	switch given := r.Header.Get("X-Amz-Content-Sha256"); {
	case given == "UNSIGNED-PAYLOAD" && service == "s3":
		digest = given
	case given != "" && given != digest:
		return nil, &awsError{http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."}
	}
	again := &http.Request{Method: r.Method, Host: r.Host, Header: make(http.Header), Body: io.NopCloser(bytes.NewReader(body))}
	again.URL = &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	for _, name := range signed {
		if name == "content-length" {
			again.ContentLength = int64(len(body))
		} else if name != "host" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	key := aws.Credentials{AccessKeyID: AWSKey, SecretAccessKey: AWSSecret, SessionToken: r.Header.Get("X-Amz-Security-Token")}
	err = v4.NewSigner().SignHTTP(r.Context(), key, again, digest, service, scope[2], at, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		return nil, &awsError{http.StatusForbidden, badSignature(service), "The request signature we calculated does not match the signature you provided. Check your key and signing method."}
	}
	return body, nil
}

func unknownKey(service string) string {
	if service == "s3" {
		return "InvalidAccessKeyId"
	}
	return "InvalidClientTokenId"
}

func badSignature(service string) string {
	if service == "s3" {
		return "SignatureDoesNotMatch"
	}
	return "InvalidSignatureException"
}
