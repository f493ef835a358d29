package storetest

import "testing"

// RunSealed is [Run] without the tests of what no key seals, which are the same on a
// store that has one: what is sealed are settings of endpoints and of the store itself,
// answers, sources, and the parts of exports.
func RunSealed(t *testing.T, open Opener) {
	run(t, open, []group{
		{"catalogue", catalogueTests},
		{"revisions", revisionTests},
		{"retries and handshakes", settingTests},
		{"keeping", keepingTests},
		{"exports", exportTests},
		{"sources", sourceTests},
		{"concurrency", concurrencyTests},
	}, func(*testing.T, test) bool { return true })
}
