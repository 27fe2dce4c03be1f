package channels

import (
	"errors"
	"sync"
)

// ErrKeyReused is returned by PublishOnce when a key was used before for
// something else.
var ErrKeyReused = errors.New("the idempotency key was used before with another message")

// keys remembers the results of publishes under an idempotency key, the oldest
// first to go.
type keys struct {
	limit int   // static, as is age
	age   int64 // ns

	mu      sync.Mutex // guards what follows; never held together with a shard's
	records map[keyName]*keyRecord
	order   []*keyRecord // oldest first, from head
	head    int
	evicted uint64 // forgotten before their age because there were too many
}

type keyName struct{ channel, key string }

type keyRecord struct {
	name   keyName
	digest [32]byte
	at     int64
	done   chan struct{} // closed when result is set
	result Result        // written once before done is closed
}

func (k *keys) init(limit int, age interface{ Nanoseconds() int64 }) {
	k.limit, k.age = limit, age.Nanoseconds()
	k.records = make(map[keyName]*keyRecord)
}

// PublishOnce publishes, unless the key was used on the same channel before and
// is still remembered: then it repeats that result. The digest stands for
// everything about the message; another one under the same key is
// ErrKeyReused. Of several at one time with one key, one publishes.
func (h *Hub) PublishOnce(it Item, key string, digest [32]byte) (r Result, repeated bool, err error) {
	rec, mine := h.keys.take(keyName{it.Channel, key}, digest, h.clock())
	if mine {
		defer close(rec.done) // even if the Receiver panics: nobody waits for ever
		rec.result = h.Publish(it)
		return rec.result, false, nil
	}
	if rec.digest != digest {
		return Result{}, false, ErrKeyReused
	}
	<-rec.done
	return rec.result, true, nil
}

// take finds the record of a key, or makes it: then it is the caller's to
// complete.
func (k *keys) take(name keyName, digest [32]byte, now int64) (rec *keyRecord, mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expireLocked(now)
	if rec = k.records[name]; rec != nil {
		return rec, false
	}
	rec = &keyRecord{name: name, digest: digest, at: now, done: make(chan struct{})}
	if k.limit <= 0 {
		return rec, true
	}
	if len(k.records) >= k.limit {
		k.dropOldestLocked()
		k.evicted++
	}
	k.records[name] = rec
	k.order = append(k.order, rec)
	return rec, true
}

func (k *keys) expireLocked(now int64) {
	for k.expiredLocked(now) {
		k.dropOldestLocked()
	}
}

// expiredLocked reports that the oldest is over its age.
func (k *keys) expiredLocked(now int64) bool {
	return k.age >= 0 && k.head < len(k.order) && now-k.order[k.head].at > k.age
}

func (k *keys) dropOldestLocked() {
	delete(k.records, k.order[k.head].name)
	k.order[k.head] = nil
	k.head++
	if k.head > 64 && k.head > len(k.order)/2 {
		k.order = append([]*keyRecord(nil), k.order[k.head:]...)
		k.head = 0
	}
}

func (k *keys) sweep(now int64) {
	for k.sweepSome(now) {
	}
}

func (k *keys) sweepSome(now int64) (more bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range 256 {
		if !k.expiredLocked(now) {
			return false
		}
		k.dropOldestLocked()
	}
	return true
}

func (k *keys) counts() (kept int, evicted uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.records), k.evicted
}
