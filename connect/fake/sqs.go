package fake

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const maxSQSMessage = 1 << 20

// dedupes is for how long a FIFO queue remembers what it took.
const dedupes = 5 * time.Minute

// sqsQueues are the queues that answer with an error.
var sqsQueues = map[string]awsError{
	"unknown":       {400, "QueueDoesNotExist", "The specified queue does not exist."},
	"denied":        {403, "AccessDeniedException", "User is not authorized to perform: sqs:SendMessage on resource"},
	"throttled":     {400, "RequestThrottled", "The request was denied due to request throttling."},
	"kms-throttled": {400, "KmsThrottled", "Amazon Web Services KMS throttles requests for the following operations."},
	"broken":        {500, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."},
	"busy":          {503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."},
}

// An sqsAttribute is a message's.
type sqsAttribute struct{ DataType, StringValue string }

// An sqsMessage is one that was taken.
type sqsMessage struct {
	MessageID  string                  `json:"MessageId"`
	Queue      string                  `json:"QueueUrl"`
	Body       string                  `json:"MessageBody"`
	Attributes map[string]sqsAttribute `json:"MessageAttributes,omitempty"`
	Group      string                  `json:"MessageGroupId,omitempty"`
	Once       string                  `json:"MessageDeduplicationId,omitempty"`
	at         time.Time
}

// An sqs has what was sent to FIFO queues, so as not to take it again.
type sqs struct {
	taken taken
	mu    sync.Mutex
	once  map[string]*sqsMessage // by queue and deduplication id
}

// SQS takes messages for queues as Amazon SQS does
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html),
// signed with [AWSKey]. The queues unknown, denied, throttled, kms-throttled, broken and
// busy are answered with SQS's errors.
func SQS() http.Handler {
	s := &sqs{once: make(map[string]*sqsMessage)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", func(rw http.ResponseWriter, r *http.Request) {
		m, refused := s.send(r)
		if refused != nil {
			rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
			if refused.code == "QueueDoesNotExist" {
				rw.Header().Set("X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender")
			}
			rw.WriteHeader(refused.status)
			_ = json.NewEncoder(rw).Encode(map[string]string{"__type": "com.amazonaws.sqs#" + refused.code, "message": refused.message})
			return
		}
		sum := md5.Sum([]byte(m.Body))
		rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(rw).Encode(map[string]string{
			"MessageId": m.MessageID, "MD5OfMessageBody": hex.EncodeToString(sum[:]), "MD5OfMessageAttributes": sqsDigest(m.Attributes),
		})
	})
	return s.taken.shownBy(mux)
}

func (s *sqs) send(r *http.Request) (*sqsMessage, *awsError) {
	if r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" {
		return nil, &awsError{400, "InvalidAction", "The action or operation requested is not valid."}
	}
	body, refused := awsBody(r, "sqs")
	if refused != nil {
		return nil, refused
	}
	m := &sqsMessage{}
	if json.Unmarshal(body, m) != nil || m.Queue == "" {
		return nil, &awsError{400, "InvalidAddress", "The address is not valid for this endpoint."}
	}
	queue := path.Base(m.Queue)
	if refused, ok := sqsQueues[queue]; ok {
		return nil, &refused
	}
	fifo := strings.HasSuffix(queue, ".fifo")
	switch {
	case m.Body == "":
		return nil, &awsError{400, "MissingParameter", "The request must contain the parameter MessageBody."}
	case !sqsCharacters(m.Body):
		return nil, &awsError{400, "InvalidMessageContents", "Invalid characters found."}
	case len(m.Body) > maxSQSMessage:
		return nil, &awsError{400, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."}
	case fifo && m.Group == "":
		return nil, &awsError{400, "MissingParameter", "The request must contain the parameter MessageGroupId."}
	case fifo && m.Once == "":
		return nil, &awsError{400, "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"}
	case len(m.Attributes) > 10:
		return nil, &awsError{400, "InvalidParameterValue", "Number of message attributes exceeds the allowed maximum [10]."}
	}
	return s.keep(m, fifo), nil
}

// keep takes a message, unless a FIFO queue has had it a short time ago.
func (s *sqs) keep(m *sqsMessage, fifo bool) *sqsMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.MessageID, m.at = randomHex(16), time.Now()
	maps.DeleteFunc(s.once, func(_ string, old *sqsMessage) bool { return m.at.Sub(old.at) >= dedupes })
	if before := s.once[m.Queue+" "+m.Once]; fifo && before != nil {
		return before
	}
	if fifo && len(s.once) < maxTaken {
		s.once[m.Queue+" "+m.Once] = m
	}
	s.taken.add(m)
	return m
}

// sqsCharacters reports whether a message may have those of text.
func sqsCharacters(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	})
}

// sqsDigest is the MD5 of attributes
// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html).
func sqsDigest(all map[string]sqsAttribute) string {
	var text []byte
	add := func(part string) {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part)))
		text = append(text, part...)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		add(name)
		add(all[name].DataType)
		text = append(text, 1) // it is text
		add(all[name].StringValue)
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}
