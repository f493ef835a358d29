package fanfare

import (
	"slices"

	"github.com/fanfarehq/fanfare/webhook"
)

// TestTag marks a message as a test, whoever sends it: an endpoint is being tried out, and
// nothing has happened. It is stored, signed, delivered, retried and listed like any other,
// and each attempt says in [webhook.HeaderTest] what it is; but statistics leave it out.
// [Hub.SendExample] sets it.
const TestTag = "fanfare-test"

// testHeader is in each attempt at a test.
var testHeader = Header{webhook.HeaderTest, "true"}

// IsTest reports whether msg is a test: see [TestTag].
func (msg *Message) IsTest() bool { return slices.Contains(msg.Tags, TestTag) }
