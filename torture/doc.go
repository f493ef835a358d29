// Package torture proves what Fanfare promises when things go wrong in earnest:
// the real server, built and started as a process of its own, is killed with
// SIGKILL under load, stopped in the middle of its work, and given a disk that
// fills up. It holds nothing but tests.
//
// Clients keep a ledger of every event: what they sent, and whether it was
// accepted, refused, or left in doubt, in which case they ask again until they
// know. Receivers keep one of every request: they verify its signature and its
// bytes. In the end the two are held against each other, against the server's
// own numbers, and against the database:
//
//   - what was accepted was delivered, to each endpoint that wanted it;
//   - what was refused, or never sent, was not;
//   - an event is one message, however often it was asked for and delivered;
//   - duplicates are no more than what was under way when the server was killed,
//     and without a kill there are none;
//   - ordered endpoints saw what they were sent in the order of its acceptance;
//   - every request was signed by the endpoint's secret, over the bytes sent;
//   - the server's statistics and its rows say the same, and the database is whole.
//
// What is quick of it is done by plain go test, and all of it, in a short form, with
// -proofs.
//
// Each run prints one line of JSON with its figures and the seed, which repeats
// what was random about it but not how the processes were scheduled. None lost
// of n events puts the chance of losing one below 3/n, with 95 % confidence.
//
// The same is done to three nodes on one PostgreSQL, which the test starts: they are
// killed, frozen, cut off from their database and restarted, behind a load balancer
// that goes by their health. There the audit also sees that whatever was delivered
// again had been under way on a node when that was harmed, and was never recorded.
//
//	go test ./torture
//	go test ./torture -proofs
//	go test ./torture -run TestFailover -failovers 20 -timeout 1h -v
//	go test ./torture -run TestPatroni -patroni 8 -timeout 1h -v
//	go test ./torture -run TestKill -kills 1000 -timeout 3h -v
//	go test ./torture -run 'TestNodes$' -rounds 20 -timeout 3h -v
//	go test ./torture -run TestKill -seed 42 -v
//
// A kill takes nothing from what the kernel was given: that commits survive the
// loss of power, too, is not shown here.
package torture
