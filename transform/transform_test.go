package transform

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain is the child, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func newPool(t testing.TB, n int) *Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(n, self, "child")
	t.Cleanup(p.Close)
	return p
}

func TestTransform(t *testing.T) {
	p := newPool(t, 1)
	for _, c := range []struct{ code, in, want string }{
		{`function handler(w) { return w }`, `{"payload":{"a":[1,2.5,"é\u0000",null,true]}}`, `{"payload":{"a":[1,2.5,"é\u0000",null,true]}}`},
		{`function handler(w) { w.payload.sum = w.payload.a + w.payload.b; return w }`, `{"payload":{"a":1,"b":2}}`, `{"payload":{"a":1,"b":2,"sum":3}}`},
		{`const handler = ({payload}) => ({payload: {text: payload.name.toUpperCase() + "!"}})`, `{"payload":{"name":"bob"}}`, `{"payload":{"text":"BOB!"}}`},
		{`function handler(w) { w.cancel = w.payload.n > 3; return w }`, `{"payload":{"n":4}}`, `{"payload":{"n":4},"cancel":true}`},
		{`function handler(w) { JSON.stringify = () => "x"; return w }`, `{"payload":1}`, `{"payload":1}`},
		{`function handler(w) { return {payload: Object.keys(w.payload)} }`, `{"payload":{"__proto__":1,"constructor":2}}`, `{"payload":["__proto__","constructor"]}`},
	} {
		out, err := p.Transform(t.Context(), c.code, []byte(c.in))
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.code, out, err, c.want)
		}
	}
}

func TestEachCallBeginsAnew(t *testing.T) {
	p := newPool(t, 1)
	const dirty = `Object.prototype.dirt = 1; globalThis.left = 2; JSON.parse = null; function handler(w) { return w }`
	if _, err := p.Transform(t.Context(), dirty, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	out, err := p.Transform(t.Context(), `function handler(w) { return {dirt: typeof w.dirt, left: typeof left} }`, []byte(`{}`))
	if want := `{"dirt":"undefined","left":"undefined"}`; err != nil || string(out) != want {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
}

func TestScriptsThatFail(t *testing.T) {
	p := newPool(t, 1)
	for code, want := range map[string]string{
		`function handler(w) { return w.payload.a.b }`:        "TypeError: cannot read property 'b' of undefined",
		`function handler(w) {`:                               "SyntaxError: ",
		`1`:                                                   "it defines no function handler(webhook)",
		`var handler = 3`:                                     "it defines no function handler(webhook)",
		`function handler() {}`:                               "TypeError: handler returns undefined, not the webhook",
		`function handler() { return null }`:                  "TypeError: handler returns null, not the webhook",
		`function handler() { return 3n }`:                    "TypeError: handler returns bigint, not the webhook",
		`function handler() { return {a: 3n} }`:               "TypeError: ",
		`async function handler(w) { return w }`:              "TypeError: handler is async; return the webhook itself",
		`function handler(w) { w.w = w; return w }`:           "TypeError: circular reference",
		`function handler() { throw "a word" }`:               "a word",
		`function handler() { throw new Error("no\nlines") }`: "Error: no",
		`throw 3`: "3",
		`function handler(w) { return {p: "x".repeat(2e6)} }`: "it returns 2000008 bytes; at most 1048576 are allowed",
	} {
		out, err := p.Transform(t.Context(), code, []byte(`{"payload":{}}`))
		if !errors.Is(err, ErrScript) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s, %v; want %s", code, out, err, want)
		}
	}
	if err := p.Check(t.Context(), `function handler(w) { return w`); !errors.Is(err, ErrScript) {
		t.Errorf("Check: %v", err)
	}
	if err := p.Check(t.Context(), strings.Repeat(" ", MaxCode+1)); !errors.Is(err, ErrScript) {
		t.Errorf("Check of a long script: %v", err)
	}
	if err := p.Check(t.Context(), `while (true) {}`); err != nil {
		t.Errorf("Check runs the script: %v", err)
	}
}

// hostile scripts take what they can get.
var hostile = []string{
	`while (true) {}`,
	`function handler() { for (;;) {} }`,
	`function handler() { const a = []; for (;;) a.push(new Array(1000).fill(1)) }`,
	`function handler() { let s = "x"; for (;;) s += s }`,
	`function handler() { return {a: JSON.stringify(new Array(5e7))} }`,
	`function handler() { return {a: "x".repeat(2 ** 29)} }`,
	`function handler() { return handler() }`,
	`function handler() { const f = () => [f(), f()]; return f() }`,
	`function handler() { return {a: /^(a+)+$/.test("a".repeat(40) + "b")} }`,
	`function handler() { return {a: /(.*)*x/.test("y".repeat(1e5))} }`,
	`function handler() { return new Proxy({}, {get() { for (;;) {} }, ownKeys() { for (;;) {} }}) }`,
	`function handler() { return {get a() { for (;;) {} }} }`,
	`function handler() { return {toJSON() { for (;;) {} }} }`,
	`function handler() { return new Promise(() => {}) }`,
	`function handler() { return (async () => { for (;;) await 0 })() }`,
	`function handler() { Function("for (;;) {}")() }`,
	`function handler() { eval("for (;;) {}") }`,
	`function handler() { let a = {}; for (;;) a = {a} }`,
	`function handler() { let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return {a} }`,
	`function handler() { return {a: new Uint8Array(2 ** 31)} }`,
	`function handler() { return {a: new ArrayBuffer(2 ** 40)} }`,
	`function handler() { return {a: 2n ** (2n ** 40n)} }`,
	`function handler() { return {a: [..."x".repeat(1e8)]} }`,
	`function handler() { return {a: new Array(2 ** 32 - 1).join("x")} }`,
	`function handler() { return {a: Array.from({length: 1e9})} }`,
	`function handler() { const m = new Map(); for (let i = 0;; i++) m.set(i, {}) }`,
	`function handler() { Object.defineProperty(Object.prototype, "then", {get() { for (;;) {} }}); return {} }`,
	`function handler() { try { handler() } finally { handler() } }`,
	`function handler() { for (;;) try { handler() } catch {} }`,
	`function* g() { yield* g() } function handler() { return {a: [...g()]} }`,
	`function handler() { return {a: "a".padEnd(2 ** 30).split("")} }`,
	`function handler() { const a = [1,2,3]; a.sort(() => { for (;;) {} }); return {a} }`,
}

func TestHostileScripts(t *testing.T) {
	p := newPool(t, 1)
	before := resident(t)
	for _, code := range hostile {
		begun := time.Now()
		out, err := p.Transform(t.Context(), code, []byte(`{"payload":{}}`))
		if !errors.Is(err, ErrScript) {
			t.Errorf("%s: %s, %v", code, out[:min(len(out), 50)], err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s took %v", code, took)
		}
		if out, err := p.Transform(t.Context(), `function handler(w) { return w }`, []byte(`{"payload":1}`)); err != nil || string(out) != `{"payload":1}` {
			t.Fatalf("after %s: %s, %v", code, out, err)
		}
	}
	if after := resident(t); after > before+5<<20 {
		t.Errorf("this process grew from %d to %d bytes", before, after)
	}
}

// resident is the memory this process takes, in bytes; 0 where that is not told.
func resident(t *testing.T) (n int) {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var all, pages int
	if _, err := fmt.Sscan(string(text), &all, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestAHungScriptHoldsUpNoOther(t *testing.T) {
	p := newPool(t, 2)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			code := `function handler(w) { return w }`
			if i%4 == 0 {
				code = `function handler() { for (;;) {} }`
			}
			_, err := p.Transform(t.Context(), code, []byte(`{}`))
			if (err != nil) != (i%4 == 0) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
}

func TestNoSuchProgram(t *testing.T) {
	p := NewPool(1, "/nowhere/at-all")
	defer p.Close()
	if _, err := p.Transform(t.Context(), ``, nil); err == nil || errors.Is(err, ErrScript) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkTransform(b *testing.B) {
	p := newPool(b, 1)
	in := []byte(`{"payload":{"id":"r1","status":"open","note":"` + strings.Repeat("word ", 180) + `"}}`)
	for b.Loop() {
		if _, err := p.Transform(b.Context(), `function handler(w) { w.payload.seen = true; return w }`, in); err != nil {
			b.Fatal(err)
		}
	}
}
