package bench

import (
	"bytes"
	"fmt"
)

// payload returns a JSON object of exactly size bytes, of many short members as
// records have, and at least 64.
func payload(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":"rec_8f14e45fceea167a","type":"record.created"`)
	for i := 0; ; i++ {
		member := fmt.Sprintf(`,"field_%02d":{"value":%d,"valid":true}`, i, 1000+37*i)
		if b.Len()+len(member)+len(`,"pad":""}`) > size {
			break
		}
		b.WriteString(member)
	}
	b.WriteString(`,"pad":"`)
	b.Write(bytes.Repeat([]byte("x"), size-b.Len()-len(`"}`)))
	b.WriteString(`"}`)
	return b.Bytes()
}

// message returns the body of a request for one message.
func message(eventType string, payload []byte) []byte {
	return fmt.Appendf(nil, `{"eventType":%q,"payload":%s}`, eventType, payload)
}

// lines returns n messages, a line each.
func lines(n int, message []byte) []byte {
	return bytes.Repeat(append(bytes.Clone(message), '\n'), n)
}
