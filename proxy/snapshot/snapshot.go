// Package snapshot keeps the history of a proxy in a file while no process runs.
//
// # The file
//
// A line "cometproxy snapshot 1", then Go's gob encoding of Channels up to one without
// a name, and of a Head, then the SHA-256 of all that. It appears under its name only
// when it is whole and on disk: it is written beside it, synced and renamed.
//
// # Once
//
// A history is gone on from once: Take removes the file, and syncs the directory,
// before it returns, and so before anything new gets a number. Were it still there
// after a crash, another process would go on from the same position, and two messages
// share one.
//
// While a process lives it has a lock on FILE.lock. A second one beside it neither
// reads the file nor writes it; when it gets the lock, it removes what the first one
// has left, for its own history has gone on since.
package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

const magic = "cometproxy snapshot 1\n"

// A Head is of the whole history.
type Head struct {
	Epoch, Number, Lost uint64 // as channels.Saved has them
	Written             time.Time
}

// A Channel with its messages.
type Channel struct {
	Name     string
	Dropped  uint64
	Messages []Message
}

// A Message as it was published.
type Message struct {
	Number      uint64
	ID          string
	Forms       uint8
	Size        int
	Age         time.Duration // when the Head was written
	Body        []byte
	ContentType string
	Kind        uint8
	Plain       bool
	GRIP        *GRIP // nil: none
	Hint        bool
}

// GRIP is how a message answers GRIP holds.
type GRIP struct {
	Status int
	Reason string
	Lines  string
}

// A File is the place of a process's history, from its start to its end.
type File struct {
	path string
	lock *flock.Flock
	ours atomic.Bool // the lock is held
	why  error       // it was not at the start
}

// ErrInUse: another process that is running has the file.
var ErrInUse = errors.New("another process has it; the history begins anew")

// Take makes the file this process's, and reads and removes what is in it. Without a
// history head is nil; err says why there is none, if that is not as it should be:
// the File is there all the same.
func Take(path string) (f *File, head *Head, channels []Channel, err error) {
	f = &File{path: path, lock: flock.New(path + ".lock")}
	locked, err := f.lock.TryLock()
	if err != nil {
		f.why = err
		return f, nil, nil, err
	}
	if !locked {
		f.why = ErrInUse
		go f.succeed()
		return f, nil, nil, ErrInUse
	}
	f.ours.Store(true)
	head, channels, err = read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil, nil, nil
	}
	if gone := f.remove(); gone != nil {
		return f, nil, nil, errors.Join(err, gone)
	}
	if err != nil {
		return f, nil, nil, err
	}
	since := max(0, time.Since(head.Written))
	for _, c := range channels {
		for i := range c.Messages {
			c.Messages[i].Age += since
		}
	}
	return f, head, channels, nil
}

// succeed waits for the process that has the lock to end.
func (f *File) succeed() {
	if f.lock.Lock() == nil && f.remove() == nil {
		f.ours.Store(true)
	}
}

// remove removes the file for good.
func (f *File) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(f.path)
}

// Write writes a history: save calls its argument for each channel, and returns the
// head.
func (f *File) Write(save func(each func(*Channel) error) (Head, error)) (bytes int64, err error) {
	if !f.ours.Load() {
		return 0, f.why
	}
	temporary := f.path + ".new"
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer os.Remove(temporary) // in vain when all went well
	defer out.Close()
	if err := write(out, save); err != nil {
		return 0, err
	}
	if err := out.Sync(); err != nil {
		return 0, err
	}
	info, err := out.Stat()
	if err != nil {
		return 0, err
	}
	if err := os.Rename(temporary, f.path); err != nil {
		return 0, err
	}
	return info.Size(), syncDir(f.path)
}

func write(out io.Writer, save func(each func(*Channel) error) (Head, error)) error {
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<18)
	buffered.WriteString(magic)
	encoder := gob.NewEncoder(buffered)
	head, err := save(func(c *Channel) error { return encoder.Encode(c) })
	if err == nil {
		err = encoder.Encode(&Channel{})
	}
	if err == nil {
		err = encoder.Encode(&head)
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		_, err = out.Write(sum.Sum(nil))
	}
	return err
}

// errDamaged: the file is not what Write has written.
var errDamaged = errors.New("it is damaged")

func read(path string) (*Head, []Channel, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := info.Size() - sha256.Size
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(f, begin); err != nil || size < int64(len(magic)) {
		return nil, nil, errDamaged
	}
	if string(begin) != magic {
		return nil, nil, fmt.Errorf("it begins with %.40q, not with %q: another version wrote it, or it is damaged", begin, magic)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, nil, err
	}
	var told [sha256.Size]byte
	if _, err := f.ReadAt(told[:], size); err != nil || !bytes.Equal(told[:], sum.Sum(nil)) {
		return nil, nil, errDamaged
	}
	return decode(bufio.NewReaderSize(io.NewSectionReader(f, int64(len(magic)), size-int64(len(magic))), 1<<18))
}

func decode(r io.Reader) (*Head, []Channel, error) {
	decoder := gob.NewDecoder(r)
	var all []Channel
	for {
		var c Channel
		if err := decoder.Decode(&c); err != nil {
			return nil, nil, err
		}
		if c.Name == "" {
			break
		}
		all = append(all, c)
	}
	head := new(Head)
	if err := decoder.Decode(head); err != nil {
		return nil, nil, err
	}
	return head, all, nil
}

// syncDir makes sure that names in a file's directory are on disk.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && runtime.GOOS != "windows" { // which cannot, and need not
		return err
	}
	return nil
}
