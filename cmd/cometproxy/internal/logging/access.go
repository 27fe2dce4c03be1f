package logging

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	accessBuffer = 256 << 10
	accessFlush  = time.Second
)

// Access makes the log of requests: JSON, written a buffer at a time or once a
// second. Output is off, stdout, stderr or the path of a file, which is made if
// need be and appended to. The logger is nil if it is off. Close writes what is
// still in the buffer.
func Access(output string) (log *zap.Logger, closeLog func(), err error) {
	file := os.Stdout
	switch output {
	case "off", "":
		return nil, func() {}, nil
	case "stdout":
	case "stderr":
		file = os.Stderr
	default:
		file, err = os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o640)
		if errors.Is(err, syscall.ENXIO) {
			return nil, nil, fmt.Errorf("access_log.output: nobody reads the pipe %s; start what does before", output)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("access_log.output: %w", err)
		}
	}
	buffered := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(file), Size: accessBuffer, FlushInterval: accessFlush}
	e := zap.NewProductionEncoderConfig()
	e.TimeKey, e.LevelKey, e.EncodeTime = "time", "", zapcore.RFC3339NanoTimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(e), buffered, zap.InfoLevel)), func() {
		_ = buffered.Stop()
		if file != os.Stdout && file != os.Stderr {
			_ = file.Close()
		}
	}, nil
}
