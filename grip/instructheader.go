package grip

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const nextTimeout = 120 * time.Second // of a link with rel=next that says nothing else

// known are the header lines of GRIP's that a response may have.
var known = []string{"Grip-Hold", "Grip-Channel", "Grip-Timeout", "Grip-Status", "Grip-Set-Meta", "Grip-Expose-Headers",
	"Grip-Keep-Alive", "Grip-Link", "Grip-Last", "Grip-Session-Id", "Grip-Session-Detect"}

func isKnown(name string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
}

// header reads the header lines. Of those that are no lists the first one counts.
func (r *reader) header(fields []Field) error {
	for _, f := range fields {
		if Reserved([]byte(f.Name)) && !isKnown(f.Name) {
			r.in.Unknown = append(r.in.Unknown, f.Name)
		}
	}
	if mode, given := first(fields, "Grip-Hold"); given {
		if err := r.hold("Grip-Hold", mode); err != nil {
			return err
		}
	}
	if err := r.channels(lines(fields, "Grip-Channel")); err != nil {
		return err
	}
	if text, given := first(fields, "Grip-Timeout"); given {
		var err error
		if r.in.Timeout, err = seconds("Grip-Timeout", text); err != nil {
			return err
		}
	}
	if text, _ := first(fields, "Grip-Status"); text != "" {
		if err := r.status(text); err != nil {
			return err
		}
	}
	r.setMeta(lines(fields, "Grip-Set-Meta"))
	r.expose(lines(fields, "Grip-Expose-Headers"))
	return r.links(lines(fields, "Grip-Link"))
}

func (r *reader) channels(values []string) error {
	for _, p := range parts(values) {
		c := Channel{Name: p.value}
		c.PrevID, _ = p.get("prev-id")
		for _, q := range p.params {
			if q.Name == "filter" { // other than all parameters, in this case alone
				c.Filters = append(c.Filters, q.Value)
			}
		}
		if err := r.channel(c); err != nil {
			return fmt.Errorf("Grip-Channel: %w", err)
		}
	}
	return nil
}

// status reads "code" or "code reason".
func (r *reader) status(text string) error {
	code, reason, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil || !finalStatus(int(n)) {
		return fmt.Errorf("Grip-Status is %q: it must begin with a status from 200 to 999", text)
	}
	if !isLine(reason) {
		return fmt.Errorf("Grip-Status is %q: the reason must not have line breaks or NUL", text)
	}
	r.in.Status, r.in.Reason = int(n), trim(reason)
	return nil
}

func (r *reader) setMeta(values []string) {
	for _, p := range parts(values) {
		if q, ok := parsePair(p.value); ok && q.Name != "" {
			r.meta[q.Name] = q.Value
		}
	}
}

func (r *reader) expose(values []string) {
	r.in.ExposeOnly = len(values) > 0
	for _, p := range parts(values) {
		if p.value != "" {
			r.in.Expose = append(r.in.Expose, p.value)
		}
	}
}

// links reads <url>; rel=next; timeout=120. Without parameters a part is nothing,
// and of relations only next and gone are known.
func (r *reader) links(values []string) error {
	for _, p := range parts(values) {
		if len(p.params) == 0 {
			continue
		}
		target, opened := strings.CutPrefix(p.value, "<")
		target, closed := strings.CutSuffix(target, ">")
		if !opened || !closed || target == "" {
			return fmt.Errorf("Grip-Link has %q: the URL must stand in <>", p.value)
		}
		if _, err := url.Parse(target); err != nil {
			return fmt.Errorf("Grip-Link has %q, which is no URL: percent-encode what is special in it", p.value)
		}
		l := Link{URL: target}
		switch l.Rel, _ = p.get("rel"); l.Rel {
		case "next":
			l.Timeout = nextTimeout
			if text, given := p.get("timeout"); given {
				var err error
				if l.Timeout, err = seconds("Grip-Link's timeout", text); err != nil {
					return err
				}
			}
		case "gone":
		default:
			continue
		}
		r.in.Links = append(r.in.Links, l)
	}
	return nil
}

// seconds reads a whole number of them. 32 bits are 68 years, and no
// Duration overflows.
func seconds(name, text string) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is %q: it must be a whole number of seconds, 0 or more", name, text)
	}
	return time.Duration(n) * time.Second, nil
}
