package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// parseDuration returns what is wrong with v as a duration, or "".
func parseDuration(v any) (time.Duration, string) {
	const example = `write a duration like "25s", "500ms", "5m" or "1h30m"`
	switch v := v.(type) {
	case int64:
		if v == 0 {
			return 0, ""
		}
		if v < 0 {
			return time.Duration(v), "" // the bounds say the rest
		}
		return 0, fmt.Sprintf("is a number without a unit: write \"%ds\"", v)
	case float64:
		return 0, "is a number without a unit: " + example
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d, ""
		}
		return 0, badDuration(v, example)
	default:
		return 0, fmt.Sprintf("is %s: %s", nameOf(v), example)
	}
}

var loneUnit = regexp.MustCompile(`^([0-9]+)(?i:d|days?|h|hours?|hrs?|m|mins?|minutes?|s|secs?|seconds?|ms|msecs?|milliseconds?)$`)

// badDuration says what is wrong with a text, and what was probably meant.
func badDuration(s, example string) string {
	squeezed := strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if _, err := strconv.ParseUint(squeezed, 10, 63); err == nil {
		return fmt.Sprintf("%s has no unit: write %s", quoted(s), quoted(squeezed+"s"))
	}
	lower := strings.ToLower(squeezed)
	if d, err := time.ParseDuration(lower); err == nil && d >= 0 {
		return fmt.Sprintf("%s is no duration: write %s", quoted(s), quoted(lower))
	}
	if m := loneUnit.FindStringSubmatch(squeezed); m != nil {
		unit := strings.TrimLeft(lower, "0123456789")
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && n < 1e6 {
			switch {
			case strings.HasPrefix(unit, "d"):
				return fmt.Sprintf("%s is no duration, the largest unit is the hour: write \"%dh\"", quoted(s), 24*n)
			case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "milli"):
				return fmt.Sprintf("%s is no duration: write \"%dms\"", quoted(s), n)
			default:
				return fmt.Sprintf("%s is no duration: write \"%d%c\"", quoted(s), n, unit[0])
			}
		}
	}
	return fmt.Sprintf("%s is no duration: %s", quoted(s), example)
}

// formatDuration writes d without the zero parts of time.Duration.String.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

var sizeText = regexp.MustCompile(`^([0-9]+)(B|KB|MB|GB|KiB|MiB|GiB)?$`)

var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"KB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// parseSize returns what is wrong with v as a number of bytes, or "".
func parseSize(v any) (int64, string) {
	const example = `write a size like "64KiB", "1MiB", "2GB" or "1048576" (bytes)`
	switch v := v.(type) {
	case int64:
		if v == 0 {
			return 0, ""
		}
		if v < 0 {
			return v, ""
		}
		return 0, fmt.Sprintf("is a number: write text with a unit, \"%s\"", formatSize(v))
	case string:
		m := sizeText.FindStringSubmatch(v)
		if m == nil {
			return 0, badSize(v, example)
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		if unit := sizeUnits[m[2]]; err != nil || n > math.MaxInt64/unit {
			return math.MaxInt64, ""
		} else {
			return n * unit, ""
		}
	default:
		return 0, fmt.Sprintf("is %s: %s", nameOf(v), example)
	}
}

var looseSize = regexp.MustCompile(`(?i)^(-?)([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)(b|bytes?)?$`)

// badSize says what is wrong with a text, and what was probably meant.
func badSize(s, example string) string {
	m := looseSize.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return fmt.Sprintf("%s is no size: %s", quoted(s), example)
	}
	if m[1] != "" {
		return fmt.Sprintf("%s is negative: write 0 to turn it off, or more", quoted(s))
	}
	number, letter := m[2], strings.ToUpper(m[3])
	factor := map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[letter]
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || n*factor >= 1<<53:
		return fmt.Sprintf("%s is no size: %s", quoted(s), example)
	case strings.Contains(number, "."), letter == "T":
		return fmt.Sprintf("%s is no size: write %s", quoted(s), quoted(formatSize(int64(n*factor))))
	case letter == "":
		return fmt.Sprintf("%s is no size: write %s", quoted(s), quoted(number))
	case m[4] != "":
		return fmt.Sprintf("%s is no size: write %s", quoted(s), quoted(number+letter+"iB"))
	default:
		return fmt.Sprintf("%s is no size: write %s (binary) or %s (decimal)", quoted(s), quoted(number+letter+"iB"), quoted(number+letter+"B"))
	}
}

// formatSize writes n with the largest unit that loses nothing.
func formatSize(n int64) string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if u := sizeUnits[unit]; n >= u && n%u == 0 {
			return strconv.FormatInt(n/u, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}
