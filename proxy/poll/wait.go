package poll

import (
	"fmt"
	"strconv"
	"time"
)

// maxSeconds is where numbers of seconds stop growing: 31 years, far from the end
// of time.Duration.
const maxSeconds = 1_000_000_000

// readWait sets how long to hold: by the query, else by Prefer, else the default.
func (r *Request) readWait(query value, prefer [][]byte, lim Limits) *Error {
	if query.given {
		wait, ok := parseSeconds(query.text)
		if !ok {
			return &Error{keyNames[keyWait], "wait must be a number of seconds such as 25 or 0.5 (0 answers at once)"}
		}
		r.Wait, r.WaitGiven = lim.lower(wait), true
		return nil
	}
	r.Wait = lim.Default
	if text, ok := preference(prefer, keyNames[keyWait]); ok {
		if n, ok := parseDigits(text, maxSeconds); ok {
			r.Wait = lim.lower(time.Duration(n) * time.Second)
			r.WaitGiven, r.PreferApplied = true, true
		}
	}
	return nil
}

// PreferenceApplied is the value of the Preference-Applied header for a request
// with PreferApplied: "wait=N", N being the whole seconds that were granted, which
// are fewer than asked for when the wait was lowered.
func (r Request) PreferenceApplied() string {
	return "wait=" + strconv.FormatInt(int64(r.Wait/time.Second), 10)
}

// parseSeconds reads decimal seconds: digits, or digits "." digits. No sign, no
// exponent, no blanks. What is finer than a nanosecond is cut off, what is beyond
// maxSeconds is lowered to it.
func parseSeconds(text []byte) (time.Duration, bool) {
	whole, fraction := text, []byte(nil)
	for i, c := range text {
		if c == '.' {
			whole, fraction = text[:i], text[i+1:]
			if len(fraction) == 0 {
				return 0, false
			}
			break
		}
	}
	n, ok := parseDigits(whole, maxSeconds)
	if !ok {
		return 0, false
	}
	wait := time.Duration(n) * time.Second
	unit := time.Second / 10
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return 0, false
		}
		wait += time.Duration(c-'0') * unit
		unit /= 10
	}
	return min(wait, maxSeconds*time.Second), true
}

// parseDigits reads 1*DIGIT of any length; what is beyond most is lowered to it.
func parseDigits(text []byte, most int) (int, bool) {
	if len(text) == 0 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), most)
	}
	return n, true
}

// parseLimit reads a limit of 1 to most.
func parseLimit(text []byte, most int) (int, *Error) {
	n, ok := parseDigits(text, most+1)
	if !ok || n < 1 || n > most {
		return 0, &Error{keyNames[keyLimit], fmt.Sprintf("limit must be a whole number from 1 to %d", most)}
	}
	return n, nil
}
