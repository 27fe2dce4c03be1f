package terminal

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestIs(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, f := range []*os.File{null, file, r} {
		if Is(f) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal can be made:", err)
	}
	defer terminal.Close()
	if !Is(terminal) {
		t.Error("a terminal is not taken for one")
	}
}
