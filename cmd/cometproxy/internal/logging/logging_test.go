package logging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestNew(t *testing.T) {
	for _, format := range []string{"auto", "json", "console"} {
		path := filepath.Join(t.TempDir(), "log")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		log, level, err := New("info", format, out)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("not yet")
		log.Info("first", zap.Duration("after", time.Second))
		level.SetLevel(zap.DebugLevel)
		log.Debug("second")
		out.Close()
		text, _ := os.ReadFile(path)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "first") || !strings.Contains(lines[1], "second") {
			t.Errorf("%s: got %q", format, text)
		}
		var entry struct {
			Time       time.Time
			Level, Msg string
			After      string
		}
		err = json.Unmarshal([]byte(lines[0]), &entry)
		if isJSON := err == nil; isJSON != (format != "console") {
			t.Errorf("%s: %q is JSON: %t", format, lines[0], isJSON)
		} else if isJSON && (entry.Level != "info" || entry.Msg != "first" || entry.After != "1s" || entry.Time.IsZero()) {
			t.Errorf("%s: got %+v", format, entry)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, _, err := New("loud", "json", os.Stderr); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("level: %v", err)
	}
	if _, _, err := New("info", "xml", os.Stderr); err == nil || !strings.Contains(err.Error(), "xml") {
		t.Errorf("format: %v", err)
	}
}
