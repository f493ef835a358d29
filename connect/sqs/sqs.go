// Package sqs sends to queues of Amazon SQS, or of what takes the same requests
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference).
package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/amazon"
)

const example = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders.fifo"

// Connector sends to a queue.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Sends it to a queue of Amazon SQS, in order and once if it is a FIFO queue.",
		Example: json.RawMessage(`{"queue":"` + example + `","accessKeyId":"AKIAEXAMPLE","secretAccessKey":"secret-of-it","group":"{{payload.customer}}"}`),
		Hidden:  amazon.Hidden,
		Where:   []string{"queue"},
		ByHTTP:  true,
		New:     open,
	}
}

type config struct {
	amazon.Account
	Queue string  `json:"queue"`
	Body  string  `json:"body"`
	Group *string `json:"group"`
}

// A sink sends to one queue.
type sink struct {
	way    fanfare.Way
	config config
	url    *url.URL
	fifo   bool
	body   connect.Body
	group  *connect.Template // nil: the message's ordering key, or else its application
	client *sqs.Client
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, fifo: strings.HasSuffix(c.Queue, ".fifo")}
	var errs [4]error
	s.url, errs[0] = connect.URL("queue", c.Queue, example)
	s.body, errs[1] = connect.BodyOf(c.Body)
	if c.Group != nil {
		s.group, errs[2] = connect.Text("group", *c.Group)
	}
	if s.url != nil {
		errs[3] = c.Check(s.url.Hostname())
	}
	if err := errors.Join(append(errs[:], connect.Must(c.Group == nil || s.fifo, "group", "is for queues whose URL ends with .fifo"))...); err != nil {
		return nil, err
	}
	s.config = c
	s.client = sqs.New(sqs.Options{
		Region: c.Region, BaseEndpoint: aws.String(s.url.Scheme + "://" + s.url.Host), Credentials: &s.config.Account,
		Retryer: aws.NopRetryer{}, // the endpoint has a plan of its own
	})
	return s, nil
}

// Target is the queue.
func (s *sink) Target() string { return connect.Shorten(s.url.Host+s.url.Path, 250) }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// What SQS says of a message that it will never take
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html),
// and what there is to do about the rest.
var (
	hopeless = map[string]bool{"InvalidMessageContents": true, "InvalidParameterValue": true, "InvalidParameterValueException": true}
	hints    = map[string]string{
		"QueueDoesNotExist":                       "make the queue, or say another",
		"AWS.SimpleQueueService.NonExistentQueue": "make the queue, or say another",
		"InvalidAddress":                          "check queue and region",
	}
)

// Send sends msg. A FIFO queue that had it within five minutes does not take it again.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	in := connect.CarriedInputOf(msg)
	body, err := s.body.Fill(msg, in)
	switch {
	case err != nil:
		return connect.Unfit("%v", err), nil
	case len(body) == 0:
		return connect.Unfit("body is empty, which no message of SQS may be"), nil
	case !utf8.Valid(body):
		return connect.Unfit("body is no text in UTF-8, which messages of SQS are"), nil
	}
	out := &sqs.SendMessageInput{QueueUrl: aws.String(s.config.Queue), MessageBody: aws.String(string(body)), MessageAttributes: make(map[string]types.MessageAttributeValue)}
	for _, h := range append(connect.Carried(msg), fanfare.Header{Name: "content-type", Value: connect.ContentType(msg)}) {
		if h.Value != "" {
			out.MessageAttributes[h.Name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(h.Value)}
		}
	}
	if s.fifo {
		group := msg.OrderingKey
		if s.group != nil {
			if group, err = connect.Fill("group", s.group, in, nil); err != nil {
				return connect.Unfit("%v", err), nil
			}
		}
		if group == "" {
			group = string(msg.Application)
		}
		out.MessageDeduplicationId, out.MessageGroupId = aws.String(string(msg.ID)), aws.String(groupOf(group))
	}
	call := amazon.NewCall(s.way)
	_, err = s.client.SendMessage(ctx, out, func(o *sqs.Options) { o.HTTPClient = call })
	return call.Reply(err, hopeless, hints)
}

var groups = regexp.MustCompile("^[-A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

// groupOf is a name of a group as SQS has them: a digest of one that it would refuse.
func groupOf(name string) string {
	if groups.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}
