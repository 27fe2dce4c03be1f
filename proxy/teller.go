package proxy

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"cometproxy/backend"
	"cometproxy/proxy/presence"
)

const (
	presenceBatch = 1000             // events of a POST at most
	presenceMost  = 1_000_000        // channels that are remembered for an app that does not listen
	presenceRest  = 15 * time.Second // between two attempts to tell such an app, at most
)

// A teller tells one app who is there.
type teller struct {
	opt  PresenceOptions // static
	roll *presence.Roll
	stop chan struct{} // closed to end its goroutine

	// Owned by the goroutine.
	failed int       // POSTs in a row
	since  time.Time // of the first of them
}

func newTeller(o PresenceOptions) *teller {
	roll := presence.NewRoll(presence.Options{LeaveAfter: o.LeaveAfter, StartAfter: o.StartAfter, Max: presenceMost}, time.Now())
	return &teller{opt: o, roll: roll, stop: make(chan struct{})}
}

// tell is a teller's goroutine: one POST at a time, so that they arrive in their
// order. An app that fails is asked less and less often.
func (p *Proxy) tell(t *teller) {
	rest := t.opt.Every
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-timer.C:
		}
		if p.tellAll(t) {
			rest = t.opt.Every
		} else {
			rest = min(2*max(rest, time.Second), max(presenceRest, t.opt.Every))
		}
		timer.Reset(rest)
	}
}

// tellAll tells the app all there is to tell; false: it failed.
func (p *Proxy) tellAll(t *teller) bool {
	for {
		b := t.roll.Next(time.Now(), presenceBatch)
		if b == nil {
			return true
		}
		err := p.postPresence(t, b)
		t.roll.Told(err == nil, time.Now())
		if err != nil {
			select {
			case <-t.stop: // which broke it off
			default:
				path, _, _ := strings.Cut(t.opt.Path, "?") // which may have a secret behind it
				if t.failed++; t.failed == 1 {
					t.since = time.Now()
				}
				p.presenceFailed.note(zap.String("backend", t.opt.Backend), zap.String("path", path), zap.Error(err))
			}
			return false
		}
		p.tellers.posts.Add(1)
		if t.failed > 0 {
			p.log.Info("the app is told again who is there", zap.String("backend", t.opt.Backend), zap.Int("failures", t.failed), zap.Duration("after", time.Since(t.since)))
			t.failed = 0
		}
		if len(b.Events) < presenceBatch {
			return true // what came meanwhile waits for its time
		}
	}
}

// postPresence sends a batch to the app. The error is nil only if the app has it.
func (p *Proxy) postPresence(t *teller, b *presence.Batch) error {
	be := p.set().Backends[t.opt.Backend]
	if be == nil {
		return fmt.Errorf("there is no backend %q any more", t.opt.Backend)
	}
	lines := "Content-Type: " + presence.Type + "\r\nUser-Agent: cometproxy\r\n"
	if t.opt.Token != "" {
		lines += "Authorization: Bearer " + t.opt.Token + "\r\n"
	}
	began := time.Now()
	x, err := be.Exchange(backend.Request{Method: []byte("POST"), Target: []byte(t.opt.Path), Lines: []byte(lines), NoHost: true,
		BodyBytes: presence.Body(t.opt.Node, b), Cancel: t.stop})
	p.observeAsked(&target{name: t.opt.Backend}, x, err, began)
	if err != nil {
		return err
	}
	defer x.Close()
	if body := x.Body(); body != nil { // read, so that the connection can be used again
		if _, err := io.CopyN(io.Discard, body, 64<<10); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if status := x.Header.StatusCode(); status/100 != 2 {
		return fmt.Errorf("the app answered %d; 2xx would say that it has taken it", status)
	}
	return nil
}
