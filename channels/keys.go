package channels

import (
	"errors"
	"sync"
	"time"
)

// ErrKeyReused is returned by PublishOnce when a key was used before for
// something else.
var ErrKeyReused = errors.New("the idempotency key was used before with another message")

// keys remembers the results of publishes under a key that their publisher
// chose, the oldest first to go. D is what else is remembered of a message.
type keys[D any] struct {
	limit int   // static, as is age
	age   int64 // ns

	mu      sync.Mutex // guards what follows; never held together with a shard's
	records map[keyName]*keyRecord[D]
	order   []*keyRecord[D] // oldest first, from head
	head    int
	evicted uint64 // forgotten before their age because there were too many
}

type keyName struct{ channel, key string }

// A keyRecord takes no more than 80 bytes without a digest: hundreds of thousands
// are kept. Hence the WaitGroup, which is smaller than a channel, and the digest
// in front, where it takes no room if it has no size.
type keyRecord[D any] struct {
	digest D // static, as are name and at
	name   keyName
	at     int64
	done   sync.WaitGroup // for result
	result Result         // written once before done
}

func (k *keys[D]) init(limit int, age time.Duration) {
	k.limit, k.age = limit, int64(age)
	k.records = make(map[keyName]*keyRecord[D])
}

// PublishOnce publishes, unless the key was used on the same channel before and
// is still remembered: then it repeats that result. The digest stands for
// everything about the message; another one under the same key is
// ErrKeyReused. Of several at one time with one key, one publishes.
func (h *Hub) PublishOnce(it Item, key string, digest [32]byte) (r Result, repeated bool, err error) {
	rec, mine := h.keys.take(keyName{it.Channel, key}, digest, h.clock())
	if mine {
		return rec.publish(h, it), false, nil
	}
	if rec.digest != digest {
		return Result{}, false, ErrKeyReused
	}
	return rec.wait(), true, nil
}

// publish completes a record that the caller has made.
func (rec *keyRecord[D]) publish(h *Hub, it Item) Result {
	defer rec.done.Done() // even if the Receiver panics: nobody waits for ever
	rec.result = h.Publish(it)
	return rec.result
}

// wait waits for the result of a record that somebody else has made.
func (rec *keyRecord[D]) wait() Result {
	rec.done.Wait()
	return rec.result
}

// take finds the record of a key, or makes it: then it is the caller's to
// complete.
func (k *keys[D]) take(name keyName, digest D, now int64) (rec *keyRecord[D], mine bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expireLocked(now)
	if rec = k.records[name]; rec != nil {
		return rec, false
	}
	rec = &keyRecord[D]{name: name, digest: digest, at: now}
	rec.done.Add(1)
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

func (k *keys[D]) expireLocked(now int64) {
	for k.expiredLocked(now) {
		k.dropOldestLocked()
	}
}

// expiredLocked reports that the oldest is over its age.
func (k *keys[D]) expiredLocked(now int64) bool {
	return k.age >= 0 && k.head < len(k.order) && now-k.order[k.head].at > k.age
}

func (k *keys[D]) dropOldestLocked() {
	delete(k.records, k.order[k.head].name)
	k.order[k.head] = nil
	k.head++
	if k.head > 64 && k.head > len(k.order)/2 {
		k.order = append([]*keyRecord[D](nil), k.order[k.head:]...)
		k.head = 0
	}
}

func (k *keys[D]) sweep(now int64) {
	for k.sweepSome(now) {
	}
}

func (k *keys[D]) sweepSome(now int64) (more bool) {
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

func (k *keys[D]) counts() (kept int, evicted uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.records), k.evicted
}
