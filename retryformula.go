package fanfare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const maxFormula = 100 // bytes

// settle makes the delays of a formula, so that nothing beyond has to know that
// there was one, and checks s.
func (s *Retry) settle() error {
	if s.Formula == "" && s.Times == 0 {
		return s.check()
	}
	if s.Preset != "" || len(s.Delays) > 0 {
		return &InvalidError{"retry", "give one of a preset, a list of delays and a formula"}
	}
	delays, err := formulaDelays(s.Formula, s.Times)
	if err != nil {
		return err
	}
	*s = Retry{Delays: delays}
	return s.check()
}

// formulaDelays are what a formula comes to, in seconds, for n from 1 to times.
func formulaDelays(text string, times int) ([]time.Duration, error) {
	switch {
	case text == "" || len(text) > maxFormula:
		return nil, &InvalidError{"retry.formula", fmt.Sprintf(`1 to %d bytes, such as "n^4+5"`, maxFormula)}
	case times < 1 || times > maxDelays:
		return nil, &InvalidError{"retry.times", fmt.Sprintf("say how many retries there are, from 1 to %d", maxDelays)}
	}
	delays := make([]time.Duration, times)
	for i := range delays {
		f := formula{rest: text, n: float64(i + 1)}
		v, err := f.value()
		if err != nil {
			return nil, err
		}
		if !(v >= 1 && v <= maxDelay.Seconds()) { // nor is it when there is no such number
			return nil, &InvalidError{"retry.formula", fmt.Sprintf("for n = %d it comes to %.6g seconds; each delay must be between 1 second and 30 days", i+1, v)}
		}
		delays[i] = time.Duration(math.Round(v*1e6)) * time.Microsecond
	}
	return delays, nil
}

// A formula is worked out while it is read: sums of products of powers of numbers,
// n and formulas in parentheses. A power is taken from the right and binds more
// than a sign before it, as in mathematics.
type formula struct {
	rest string
	n    float64
}

func (f *formula) value() (float64, error) {
	v, err := f.sum()
	if err == nil && f.rest != "" {
		err = f.unexpected()
	}
	return v, err
}

// next reports whether one of the characters comes next, and takes it.
func (f *formula) next(chars string) (byte, bool) {
	f.rest = strings.TrimLeft(f.rest, " ")
	if f.rest == "" || !strings.Contains(chars, f.rest[:1]) {
		return 0, false
	}
	c := f.rest[0]
	f.rest = strings.TrimLeft(f.rest[1:], " ")
	return c, true
}

func (f *formula) unexpected() error {
	reason := "it ends too early"
	if f.rest != "" {
		reason = fmt.Sprintf("%q is not understood there", bound(f.rest, 20))
	}
	return &InvalidError{"retry.formula", reason + "; it may have numbers, n, + - * / ^ and parentheses, as in n^4+5"}
}

func (f *formula) sum() (float64, error) {
	v, err := f.product()
	for err == nil {
		op, ok := f.next("+-")
		if !ok {
			break
		}
		var w float64
		if w, err = f.product(); op == '-' {
			w = -w
		}
		v += w
	}
	return v, err
}

func (f *formula) product() (float64, error) {
	v, err := f.signed()
	for err == nil {
		op, ok := f.next("*/")
		if !ok {
			break
		}
		var w float64
		if w, err = f.signed(); op == '/' {
			v /= w
		} else {
			v *= w
		}
	}
	return v, err
}

func (f *formula) signed() (float64, error) {
	if _, ok := f.next("-"); ok {
		v, err := f.signed()
		return -v, err
	}
	v, err := f.atom()
	if err != nil {
		return 0, err
	}
	if _, ok := f.next("^"); ok {
		w, err := f.signed()
		return math.Pow(v, w), err
	}
	return v, nil
}

func (f *formula) atom() (float64, error) {
	if _, ok := f.next("n"); ok {
		return f.n, nil
	}
	if _, ok := f.next("("); ok {
		v, err := f.sum()
		if err != nil {
			return 0, err
		}
		if _, ok := f.next(")"); !ok {
			return 0, f.unexpected()
		}
		return v, nil
	}
	digits := len(f.rest) - len(strings.TrimLeft(f.rest, "0123456789."))
	v, err := strconv.ParseFloat(f.rest[:digits], 64)
	if err != nil {
		return 0, f.unexpected()
	}
	f.rest = f.rest[digits:]
	return v, nil
}
