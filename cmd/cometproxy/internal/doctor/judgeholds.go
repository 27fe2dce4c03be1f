package doctor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// An Outcome is what became of a hold.
type Outcome string

// Outcomes.
const (
	Full    Outcome = "full"    // answered by cometproxy, in its time
	Short   Outcome = "short"   // answered by cometproxy, before its time
	News    Outcome = "message" // ended by a message
	Refused Outcome = "refused" // by cometproxy, which said why
	NoQuery Outcome = "no query"
	Open    Outcome = "open" // not ended when the time was over that this is tried
	Cut     Outcome = "cut"  // by somebody else
)

// early is the part of its time after which a hold may end: cometproxy makes each up
// to a tenth shorter.
const early = 0.88

func outcome(h *Hold, kind Kind) Outcome {
	a := &h.Answer
	if a.Err != nil {
		if h.Asked == 0 && isTimeout(a.Err) {
			return Open
		}
		return Cut
	}
	ours := a.Status < 300 && (a.Header.Get("Comet-Cursor") != "" || a.Header.Get(probeField) != "")
	switch {
	case h.Asked == 0 && a.Status < 400:
		return Full
	case kind == KindProbe && a.Status == http.StatusOK && a.Header.Get(probeField) != "":
		return NoQuery
	case ours && a.Took.Seconds() >= early*h.Asked.Seconds():
		return Full
	case ours && a.Status == http.StatusNoContent:
		return Short
	case ours && a.Status == http.StatusOK:
		return News
	case a.Status >= 400 && isProblem(a):
		return Refused
	}
	return Cut
}

// isProblem reports an answer of cometproxy's own that says what is wrong.
func isProblem(a *Answer) bool {
	return strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") && strings.Contains(string(a.Body), `"about:blank"`)
}

// holding is what all holds together tell.
type holding struct {
	first, last time.Duration // of those that were cut, when; 0: none was
	how         string        // and how
	cut         *Hold         // the longest of them
	passed      time.Duration // the longest that was not
	of          map[Outcome]*Hold
}

func sumUp(e *Evidence) (s holding) {
	s.of = make(map[Outcome]*Hold)
	for i := range e.Holds {
		h := &e.Holds[i]
		o := outcome(h, e.Kind)
		s.of[o] = h
		switch o {
		case Full, Open:
			if h.Asked > 0 {
				s.passed = max(s.passed, h.Asked)
			} else {
				s.passed = h.Answer.Took
			}
		case Cut:
			took := max(h.Answer.Took, time.Millisecond)
			if s.cut == nil || took < s.first {
				s.first = took
			}
			if s.cut == nil || h.Asked > s.cut.Asked {
				s.cut, s.how = h, how(&h.Answer)
			}
			s.last = max(s.last, took)
		}
	}
	return s
}

// how says in which way a hold was cut.
func how(a *Answer) string {
	err := a.Err
	switch {
	case err == nil:
		text := fmt.Sprintf("with %d %s", a.Status, http.StatusText(a.Status))
		if by := inAnswer(a); len(by) > 0 {
			text += " by " + by[0].Name
		}
		return strings.TrimSpace(text)
	case errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "connection reset"):
		return "by a reset of the connection (RST)"
	case isTimeout(err):
		return "by silence: no answer came, though it was due"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "by the end of the connection (FIN), without an answer"
	case strings.Contains(err.Error(), "stream error"), strings.Contains(err.Error(), "GOAWAY"):
		return "by HTTP/2: " + clean(reason(err))
	}
	return "by an error: " + clean(reason(err))
}

// judgeHolds is the check that all this is about.
func judgeHolds(e *Evidence, s *holding) Check {
	c := Check{Name: "holds", Verdict: "fine", Level: LevelFine}
	switch {
	case len(e.Holds) == 0:
		return Check{"holds", "unknown", LevelUnknown, "there was nothing that holds"}
	case s.cut != nil && s.last < time.Second:
		c.Verdict, c.Level = "cut", LevelBad
		c.Text = fmt.Sprintf("ended at once %s", s.how)
	case s.cut != nil:
		c.Verdict, c.Level = "cut", LevelBad
		c.Text = fmt.Sprintf("after %s %s", span(s.first, s.last), s.how)
		if s.passed > 0 {
			c.Text += fmt.Sprintf("; a hold of %s came through", seconds(s.passed))
		}
	case s.of[Refused] != nil:
		a := &s.of[Refused].Answer
		c = Check{"holds", "refused", LevelBad, fmt.Sprintf("cometproxy itself refused some with %d: %s", a.Status, clean(detail(a)))}
	case s.of[NoQuery] != nil:
		c = Check{"holds", "changed", LevelBad, "what stands in between takes the query away: ?wait= and ?cursor= do not arrive"}
	case s.of[Short] != nil:
		c = tooShort(s.of[Short])
	case s.of[Open] != nil:
		c.Text = fmt.Sprintf("held for %s, and not cut until then", seconds(s.of[Open].Answer.Took))
	case s.of[News] != nil && s.passed == 0:
		c = Check{"holds", "unknown", LevelUnknown, "messages ended them all: name a route whose channel is quiet"}
	case s.of[News] != nil:
		c.Text = fmt.Sprintf("%s came through; messages ended longer ones: a quiet channel tells more", seconds(s.passed))
	case e.Kind == KindSilent:
		c.Text = fmt.Sprintf("answered with %d after %s, as the app wants it", e.Holds[0].Answer.Status, seconds(e.Holds[0].Answer.Took))
	default:
		c.Text = fmt.Sprintf("one of %s came through, and so did shorter ones", seconds(s.passed))
		if s.passed < usualHold {
			c.Text += "; of longer ones, as polls are that ask for nothing (25 s), that says nothing: -hold"
		}
	}
	return c
}

// usualHold is the shortest of those that clients have who ask for nothing, unless
// hold.timeout is set.
const usualHold = 22500 * time.Millisecond

// tooShort: cometproxy ended a hold itself.
func tooShort(h *Hold) Check {
	if h.Answer.Header.Get("Retry-After") != "" {
		return Check{"holds", "unknown", LevelUnknown, "cometproxy is ending and answers everybody: ask again when it has started anew"}
	}
	return Check{"holds", "fine", LevelNote, fmt.Sprintf("cometproxy itself ended one of %s after %s: it holds no longer (hold.max_timeout)", seconds(h.Asked), seconds(h.Answer.Took))}
}

// detail is what a problem says.
func detail(a *Answer) string {
	_, text, _ := strings.Cut(string(a.Body), `"detail":"`)
	text, _, _ = strings.Cut(text, `"}`)
	return text
}

func span(first, last time.Duration) string {
	if last-first < time.Second {
		return seconds(first)
	}
	return fmt.Sprintf("%.1f to %s", first.Seconds(), seconds(last))
}

// seconds writes a duration: "5 s", "2.5 s".
func seconds(d time.Duration) string {
	text := fmt.Sprintf("%.1f", d.Seconds())
	return strings.TrimSuffix(text, ".0") + " s"
}
