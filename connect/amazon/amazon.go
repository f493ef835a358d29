// Package amazon is what the connectors to services of AWS, and to what speaks as these
// do, have in common: whose account it is, and what an answer means.
package amazon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// An Account is the part of a config that says who sends. The server's own role and
// environment are never used: an endpoint has only what it was given.
type Account struct {
	Region          string `json:"region"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

// Hidden are the members of an Account that are secret.
var Hidden = []string{"secretAccessKey", "sessionToken"}

var (
	hosts   = regexp.MustCompile(`(?:^|\.)(?:sqs|s3)[.-]([a-z]{2,}(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com(?:\.cn)?$`)
	regions = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
)

// Check says what is wrong with a. A region that is not told is read from host, if it
// can be.
func (a *Account) Check(host string) error {
	if found := hosts.FindStringSubmatch(host); a.Region == "" && found != nil {
		a.Region = found[1]
	}
	return errors.Join(
		connect.Must(regions.MatchString(a.Region), "region", "must be the name of a region, such as eu-central-1"),
		connect.Must(a.AccessKeyID != "", "accessKeyId", "is missing; make a key for a user who may do this and nothing else"),
		connect.Must(a.SecretAccessKey != "", "secretAccessKey", "is missing"),
	)
}

// Retrieve is aws.CredentialsProvider's.
func (a *Account) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.SessionToken}, nil
}

// A Call makes one request for a client of the SDK, and keeps what came of it.
type Call struct {
	way    fanfare.Way
	answer *connect.Answer
	err    error
}

// NewCall is one by that way.
func NewCall(way fanfare.Way) *Call { return &Call{way: way} }

// Do is aws.HTTPClient's.
func (c *Call) Do(req *http.Request) (*http.Response, error) {
	c.answer, c.err = connect.Do(c.way, req, "X-Amz-Security-Token")
	if c.err != nil {
		return nil, c.err
	}
	a := c.answer
	return &http.Response{
		StatusCode: a.Status, Status: fmt.Sprint(a.Status, " ", http.StatusText(a.Status)), Header: a.Header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: req,
	}, nil
}

// What AWS says of who may not do it, and of who does too much at once, whatever the
// status (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
var (
	strangers = map[string]bool{
		"AccessDenied": true, "AccessDeniedException": true, "NotAuthorized": true, "AuthFailure": true, "OptInRequired": true,
		"InvalidClientTokenId": true, "InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "IncompleteSignature": true,
		"UnrecognizedClientException": true, "InvalidSignatureException": true, "MissingAuthenticationToken": true,
		"ExpiredToken": true, "ExpiredTokenException": true, "InvalidToken": true, "RequestExpired": true, "RequestTimeTooSkewed": true,
		"InvalidSecurity": true, "AllAccessDisabled": true, "AccountProblem": true, "KmsAccessDenied": true,
	}
	impatient = map[string]bool{
		"Throttling": true, "ThrottlingException": true, "RequestThrottled": true, "RequestLimitExceeded": true, "SlowDown": true,
		"TooManyRequestsException": true, "KmsThrottled": true, "OverLimit": true, "RequestTimeout": true, "ServiceUnavailable": true,
	}
)

// Reply is what came of the call, which the SDK says ended with err. hopeless are the
// codes of errors about the message itself; hints say what to do about others.
func (c *Call) Reply(err error, hopeless map[string]bool, hints map[string]string) (fanfare.Reply, error) {
	switch {
	case c.err != nil:
		return fanfare.Reply{}, c.err
	case c.answer == nil:
		return fanfare.Reply{}, err // nothing was sent
	case err == nil:
		return c.answer.Reply(fanfare.ClassSuccess, ""), nil
	}
	code, detail := "", connect.FirstLine(c.answer.Body)
	var said smithy.APIError
	if errors.As(err, &said) {
		code, detail = said.ErrorCode(), said.ErrorCode()+": "+said.ErrorMessage()
	} else if c.answer.Status < 300 {
		detail = "what was answered is not what was asked for: " + err.Error()
	}
	class := c.answer.Class()
	if class == fanfare.ClassRejected || class == fanfare.ClassGone || class == fanfare.ClassSuccess {
		class = fanfare.ClassStatus // unless it is the message's own fault
	}
	switch {
	case hopeless[code]:
		class = fanfare.ClassRejected
	case hints[code] != "":
		detail += "; " + hints[code]
	case impatient[code]:
	case strangers[code], c.answer.Status == http.StatusForbidden, c.answer.Status == http.StatusUnauthorized:
		detail += "; check accessKeyId, secretAccessKey, and what their user may do"
	case class == fanfare.ClassRedirect:
		detail += "; check region and endpoint"
	}
	return c.answer.Reply(class, detail), nil
}
