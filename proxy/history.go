package proxy

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"cometproxy/channels"
	"cometproxy/proxy/snapshot"
)

// takeHistory makes the hub: one that goes on from the snapshot, if there is one.
func (p *Proxy) takeHistory(o *Options) {
	var kept []channels.Kept
	if o.Snapshot != "" {
		kept = p.readSnapshot(o)
	}
	p.hub = channels.New(o.History)
	p.hub.Restore(kept, func(m *channels.Message) int { return m.Data.(*restored).size })
	for _, k := range kept {
		for _, m := range k.Messages {
			m.Data = m.Data.(*restored).payload
		}
	}
}

// restored is a message's content until the hub has it.
type restored struct {
	payload *payload
	size    int
}

func (p *Proxy) readSnapshot(o *Options) (kept []channels.Kept) {
	file, head, all, err := snapshot.Take(o.Snapshot)
	p.snapshot = file
	log := p.log.With(zap.String("file", o.Snapshot))
	switch {
	case err != nil:
		log.Warn("the history of before cannot be gone on from: clients are told of a gap", zap.Error(err))
		return nil
	case head == nil:
		log.Info("there is no history of before; it begins anew")
		return nil
	}
	o.History.Saved = &channels.Saved{Epoch: head.Epoch, Number: head.Number, Lost: head.Lost}
	messages := 0
	for i := range all {
		kept = append(kept, unpack(&all[i]))
		messages += len(all[i].Messages)
	}
	log.Info("the history of before goes on", zap.Int("channels", len(all)), zap.Int("messages", messages),
		zap.Duration("written_ago", time.Since(head.Written)))
	return kept
}

// saveHistory writes the snapshot. Nobody can publish from then on.
func (p *Proxy) saveHistory() {
	if p.snapshot == nil {
		return
	}
	p.publishing.Lock()
	p.frozen = true
	p.publishing.Unlock()
	begin := time.Now()
	size, err := p.snapshot.Write(func(each func(*snapshot.Channel) error) (snapshot.Head, error) {
		saved, err := p.hub.Save(func(k channels.Kept) error {
			if k.Channel == nowhere {
				return nil
			}
			return each(pack(&k))
		})
		return snapshot.Head{Epoch: saved.Epoch, Number: saved.Number, Lost: saved.Lost, Written: time.Now()}, err
	})
	switch {
	case errors.Is(err, snapshot.ErrInUse):
		p.log.Warn("the history is not kept: another process has history.snapshot")
	case err != nil:
		p.log.Error("the history cannot be kept, and clients will be told of a gap (history.snapshot)", zap.Error(err))
	default:
		p.log.Info("the history is kept for the next process", zap.Int64("bytes", size), zap.Duration("took", time.Since(begin)))
	}
}

// whilePublishing runs f, which may publish, unless the history is closed. Were it
// not, a message could get its number, and its publisher an answer, after the
// snapshot that is to have it.
func (p *Proxy) whilePublishing(ctx *fasthttp.RequestCtx, f func()) {
	p.publishing.RLock()
	defer p.publishing.RUnlock()
	if p.frozen {
		retryProblem(ctx, fasthttp.StatusServiceUnavailable, time.Second, "this process is ending and its history is closed; publish to the next one")
		return
	}
	f()
}

func pack(k *channels.Kept) *snapshot.Channel {
	c := &snapshot.Channel{Name: k.Channel, Dropped: k.Dropped}
	for i, m := range k.Messages {
		load := m.Data.(*payload)
		s := snapshot.Message{Number: m.Number, ID: m.ID, Forms: uint8(m.Forms), Size: m.Size(), Age: k.Ages[i],
			Body: load.body, ContentType: load.contentType, Kind: uint8(load.kind), Plain: load.plain, Hint: load.hint}
		if g := load.grip; g != nil {
			s.GRIP = &snapshot.GRIP{Status: g.status, Reason: g.reason, Lines: g.lines}
		}
		c.Messages = append(c.Messages, s)
	}
	return c
}

func unpack(c *snapshot.Channel) channels.Kept {
	k := channels.Kept{Channel: c.Name, Dropped: c.Dropped}
	for i := range c.Messages {
		s := &c.Messages[i]
		load := &payload{body: s.Body, contentType: typeOf([]byte(s.ContentType)), kind: kind(s.Kind), plain: s.Plain, hint: s.Hint}
		if g := s.GRIP; g != nil {
			load.grip = &publication{status: g.Status, reason: g.Reason, lines: g.Lines}
		}
		k.Messages = append(k.Messages, &channels.Message{Number: s.Number, Channel: c.Name, ID: s.ID, Forms: channels.Forms(s.Forms), Data: &restored{load, s.Size}})
		k.Ages = append(k.Ages, s.Age)
	}
	return k
}
