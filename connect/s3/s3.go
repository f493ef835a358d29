// Package s3 puts messages into buckets of Amazon S3, or of what takes the same requests
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/amazon"
)

// What objects are called unless told: of one message, and of those gathered.
const (
	keyOfOne  = "{{eventType}}/{{headers.date}}/{{headers['webhook-id']}}.json"
	keyOfMany = "{{headers.date}}/{{headers['webhook-id']}}.ndjson"
)

// maxGather bounds how long messages wait for others.
const maxGather = 10 * time.Second

// Connector puts objects into a bucket.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:    "Puts it into a bucket of Amazon S3 or what works alike: an object for each, or NDJSON of those that come together.",
		Example:  json.RawMessage(`{"bucket":"acme-events","region":"eu-central-1","accessKeyId":"AKIAEXAMPLE","secretAccessKey":"secret-of-it","key":"` + keyOfOne + `"}`),
		Hidden:   amazon.Hidden,
		Where:    []string{"endpoint", "bucket"},
		New:      open,
		InFlight: 64,
	}
}

type config struct {
	amazon.Account
	Bucket      string  `json:"bucket"`
	Endpoint    string  `json:"endpoint"`
	VirtualHost bool    `json:"virtualHost"`
	Key         *string `json:"key"`
	Body        string  `json:"body"`
	Gather      string  `json:"gather"`
}

// A sink puts objects into one bucket.
type sink struct {
	way    fanfare.Way
	config config
	host   string
	key    *connect.Template
	body   connect.Body
	wait   time.Duration // for others to put into the same object; 0: each has its own
	client *s3.Client
	gather gather
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way}
	var errs [5]error
	key := keyOfOne
	if c.Gather != "" {
		key = keyOfMany
		var err error
		s.wait, err = time.ParseDuration(c.Gather)
		errs[0] = connect.Must(err == nil && s.wait > 0 && s.wait <= maxGather, "gather", "must be a time such as 2s, of at most 10s")
	}
	if c.Key != nil {
		key = *c.Key
	}
	s.key, errs[1] = connect.Text("key", key)
	s.body, errs[2] = connect.BodyOf(c.Body)
	endpoint := &url.URL{}
	if c.Endpoint != "" {
		endpoint, errs[3] = connect.URL("endpoint", c.Endpoint, "https://minio.example.com:9000")
	}
	if endpoint != nil {
		errs[4] = c.Check(endpoint.Hostname())
	}
	if err := errors.Join(append(errs[:],
		connect.Must(buckets.MatchString(c.Bucket), "bucket", "must be the name of a bucket, such as acme-events"),
		connect.Must(c.Gather == "" || c.Body == "", "body", "is for objects of one message; those that are gathered are lines of NDJSON"),
		connect.Must(c.Endpoint != "" || !c.VirtualHost, "virtualHost", "is for an endpoint of its own"),
	)...); err != nil {
		return nil, err
	}
	s.config = c
	options := s3.Options{
		Region: c.Region, Credentials: &s.config.Account, Retryer: aws.NopRetryer{}, // the endpoint has a plan of its own
		// The signature has a digest of the body, also by https; of checksums that came
		// later not all that speak as S3 does have heard.
		APIOptions:                 []func(*middleware.Stack) error{signBody},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	s.host = "s3." + c.Region + ".amazonaws.com"
	if c.Endpoint != "" {
		s.host = endpoint.Host
		options.BaseEndpoint, options.UsePathStyle = aws.String(strings.TrimSuffix(c.Endpoint, "/")), !c.VirtualHost
	}
	s.client = s3.New(options)
	return s, nil
}

func signBody(stack *middleware.Stack) error {
	digest := &v4.ComputePayloadSHA256{}
	_, err := stack.Finalize.Swap(digest.ID(), digest)
	return err
}

var buckets = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Target is the bucket with its server.
func (s *sink) Target() string { return s.host + "/" + s.config.Bucket }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// Send puts msg into the bucket. The same message has the same key each time, unless it is
// gathered with others.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	o, body, err := s.compose(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	if s.wait == 0 {
		return s.put(ctx, o, body)
	}
	return s.gather.add(ctx, s.wait, *o.Key, body, func(key string, lines []byte) (fanfare.Reply, error) {
		all := *o
		all.Key = &key
		return s.put(ctx, &all, lines)
	})
}

// isKey reports whether an object can have that key. What would be taken for a folder
// above is not one: some servers clean paths before they look at signatures.
func isKey(key string) bool {
	if key == "" || len(key) > 1024 || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return false
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}

// What S3 says of an object that it will never take, and what there is to do about the
// rest (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
var (
	hopeless = map[string]bool{"EntityTooLarge": true, "KeyTooLongError": true, "MetadataTooLarge": true, "XMinioInvalidObjectName": true}
	hints    = map[string]string{
		"NoSuchBucket":                       "make the bucket, or say another",
		"PermanentRedirect":                  "the bucket is in another region",
		"AuthorizationHeaderMalformed":       "the bucket is in another region",
		"IllegalLocationConstraintException": "the bucket is in another region",
	}
)

func (s *sink) put(ctx context.Context, object *s3.PutObjectInput, body []byte) (fanfare.Reply, error) {
	object.Body = bytes.NewReader(body)
	call := amazon.NewCall(s.way)
	_, err := s.client.PutObject(ctx, object, func(o *s3.Options) { o.HTTPClient = call })
	reply, err := call.Reply(err, hopeless, hints)
	reply.URL = "s3:" + s.Target() + "/" + *object.Key
	return reply, err
}
