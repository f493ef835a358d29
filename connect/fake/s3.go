package fake

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
)

// s3Buckets are the buckets that answer with an error.
var s3Buckets = map[string]awsError{
	"unknown":   {404, "NoSuchBucket", "The specified bucket does not exist"},
	"denied":    {403, "AccessDenied", "Access Denied"},
	"elsewhere": {301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint."},
	"small":     {400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"},
	"slow":      {503, "SlowDown", "Please reduce your request rate."},
	"broken":    {500, "InternalError", "We encountered an internal error. Please try again."},
}

// An s3Object is one that was put.
type s3Object struct {
	Bucket   string            `json:"bucket"`
	Key      string            `json:"key"`
	Type     string            `json:"contentType"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Body     string            `json:"body"`
}

// S3 takes objects as Amazon S3 does, with the bucket in the path
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html), signed with
// [AWSKey]. The buckets unknown, denied, elsewhere, small, slow and broken are answered
// with S3's errors.
func S3() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /{bucket}/{key...}", func(rw http.ResponseWriter, r *http.Request) {
		body, refused := awsBody(r, "s3")
		key := r.PathValue("key")
		if known, ok := s3Buckets[r.PathValue("bucket")]; ok && refused == nil {
			refused = &known
		}
		if refused == nil && len(key) > 1024 {
			refused = &awsError{400, "KeyTooLongError", "Your key is too long"}
		}
		if refused != nil {
			rw.Header().Set("Content-Type", "application/xml")
			rw.WriteHeader(refused.status)
			_ = xml.NewEncoder(rw).Encode(struct {
				XMLName       xml.Name `xml:"Error"`
				Code, Message string
			}{Code: refused.code, Message: refused.message})
			return
		}
		o := s3Object{Bucket: r.PathValue("bucket"), Key: key, Type: r.Header.Get("Content-Type"), Metadata: make(map[string]string), Body: string(body)}
		for name, values := range r.Header {
			if rest, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok {
				o.Metadata[strings.ToLower(rest)] = values[0]
			}
		}
		t.add(o)
		sum := md5.Sum(body)
		rw.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	})
	return t.shownBy(mux)
}
