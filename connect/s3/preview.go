package s3

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// compose makes of msg the object that is put, and its body: where objects are gathered
// that is a line of it. An error is one that the same message meets each time.
func (s *sink) compose(msg *fanfare.Message) (o *s3.PutObjectInput, body []byte, err error) {
	in := connect.CarriedInputOf(msg)
	key, err := connect.Fill("key", s.key, in, nil)
	if err != nil {
		return nil, nil, err
	}
	if !isKey(key) {
		return nil, nil, fmt.Errorf("key renders %q, which is none of 1 to 1024 bytes without . and .. between slashes", connect.Shorten(key, 100))
	}
	o = &s3.PutObjectInput{Bucket: &s.config.Bucket, Key: &key}
	if s.wait > 0 {
		o.ContentType = aws.String("application/x-ndjson")
		body, err = connect.LineOf(msg)
		return o, body, err
	}
	o.ContentType, o.Metadata = aws.String(connect.ContentType(msg)), make(map[string]string)
	for _, h := range connect.Carried(msg) {
		o.Metadata[h.Name] = h.Value
	}
	body, err = s.body.Fill(msg, in)
	return o, body, err
}

// Preview is the object that would be put, or the line in it that msg would be.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	o, body, err := s.compose(msg)
	if err != nil {
		return nil, err
	}
	to := "put " + connect.OneLine(*o.Key) + " into the bucket " + *o.Bucket + " at " + s.host
	if s.wait > 0 {
		to = fmt.Sprintf("gather for %s, and %s", s.wait, to)
	}
	p := fanfare.Preview{To: to, Header: []fanfare.Header{{Name: "Content-Type", Value: *o.ContentType}}, Body: body}
	for name, value := range o.Metadata {
		p.Header = append(p.Header, fanfare.Header{Name: "x-amz-meta-" + name, Value: value})
	}
	slices.SortFunc(p.Header, func(a, b fanfare.Header) int { return strings.Compare(a.Name, b.Name) })
	return []fanfare.Preview{p}, nil
}
