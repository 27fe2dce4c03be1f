// Package logging builds the program's logger.
package logging

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"cometproxy/cmd/cometproxy/internal/terminal"
)

// New makes a logger that writes to out. Level is debug, info, warn or error;
// format is json, console, or auto: console if out is a terminal, else json.
// The returned level changes the logger's when it is set, as a reload does.
func New(level, format string, out *os.File) (*zap.Logger, zap.AtomicLevel, error) {
	atomic, err := zap.ParseAtomicLevel(level)
	if err != nil {
		return nil, atomic, fmt.Errorf("log level %q: write debug, info, warn or error", level)
	}
	if format == "auto" {
		format = "json"
		if terminal.Is(out) {
			format = "console"
		}
	}
	e := zap.NewProductionEncoderConfig()
	e.TimeKey, e.EncodeDuration = "time", zapcore.StringDurationEncoder
	var encoder zapcore.Encoder
	switch format {
	case "json":
		e.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		encoder = zapcore.NewJSONEncoder(e)
	case "console":
		e.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		e.EncodeLevel = zapcore.CapitalLevelEncoder
		e.ConsoleSeparator = "  "
		encoder = zapcore.NewConsoleEncoder(e)
	default:
		return nil, atomic, fmt.Errorf("log format %q: write auto, json or console", format)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(out), atomic)
	return zap.New(core, zap.ErrorOutput(zapcore.Lock(out))), atomic, nil
}
