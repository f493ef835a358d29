package transform

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"modernc.org/quickjs"
)

// Serve is what the child process does: it runs the scripts that come in, until that
// ends. Its standard output must be used for nothing else.
func Serve(in io.Reader, out io.Writer) error {
	if err := confine(); err != nil {
		return err
	}
	r := bufio.NewReader(in)
	for {
		var next request
		switch err := readFrame(r, &next); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := writeFrame(out, run(&next)); err != nil {
			return err
		}
	}
}

// driver calls the handler. It stands in the same realm as the script, which is thrown
// away after the call.
const driver = `(function (handler, parse, write) {
	return function (input) {
		const result = handler(parse(input))
		if (result === null || typeof result !== "object") throw new TypeError("handler returns " + (result === null ? "null" : typeof result) + ", not the webhook")
		if (typeof result.then === "function") throw new TypeError("handler is async; return the webhook itself")
		return write(result)
	}
})`

// run makes a response of a request.
func run(r *request) *response {
	vm, err := quickjs.NewVM()
	if err != nil {
		return &response{Error: "the engine does not start: " + err.Error()}
	}
	defer vm.Close()
	vm.SetMemoryLimit(maxMemory)
	vm.SetMaxStackSize(maxStack)
	if err := vm.SetEvalTimeout(softLimit); err != nil {
		return &response{Error: err.Error()}
	}
	if r.Check {
		if r.Code != "" {
			_, err = vm.Compile(r.Code, quickjs.EvalGlobal)
		}
		if err != nil {
			return &response{Error: words(err)}
		}
		return &response{}
	}
	out, err := evaluate(vm, r)
	if err != nil {
		return &response{Error: words(err)}
	}
	if len(out) > MaxOutput {
		return &response{Error: fmt.Sprintf("it returns %d bytes; at most %d are allowed", len(out), MaxOutput)}
	}
	return &response{Output: json.RawMessage(out)}
}

// evaluate runs the script and then its handler.
func evaluate(vm *quickjs.VM, r *request) (string, error) {
	// What the driver needs is taken before the script can put something else there.
	if _, err := vm.Eval("var $fanfare = ("+driver+").bind(null); var $json = [JSON.parse, JSON.stringify]", quickjs.EvalGlobal); err != nil {
		return "", err
	}
	if _, err := vm.Eval(r.Code, quickjs.EvalGlobal); err != nil {
		return "", err
	}
	defined, err := vm.Eval(`typeof handler === "function"`, quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	if defined != true {
		return "", errors.New("it defines no function handler(webhook)")
	}
	if _, err := vm.Eval("$fanfare = $fanfare(handler, $json[0], $json[1])", quickjs.EvalGlobal); err != nil {
		return "", err
	}
	out, err := vm.Call("$fanfare", r.Input)
	if err != nil {
		return "", err
	}
	text, ok := out.(string)
	if !ok || !json.Valid([]byte(text)) {
		return "", errors.New("what it returns is not JSON")
	}
	return text, nil
}

// words is an error of the engine in a line. What has no words left is out of memory.
func words(err error) string {
	if text := sentence(err); text != "" && text != "null" {
		return text
	}
	return "it takes too much memory"
}

func sentence(err error) string {
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return firstLine(err.Error())
	}
	text := firstLine(e.Error())
	if strings.Contains(text, "interrupted") {
		return fmt.Sprintf("it ran for more than %v and was stopped", softLimit)
	}
	if e.LineNumber > 0 {
		text += fmt.Sprintf(" (line %d)", e.LineNumber)
	} else if at, _, ok := strings.Cut(strings.TrimSpace(e.Stack), "\n"); ok || at != "" {
		text += " (" + strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(at), "at ")) + ")"
	}
	return text
}

// maxWords bounds what is told of an error, in bytes.
const maxWords = 500

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line[:min(len(line), maxWords)]
}
