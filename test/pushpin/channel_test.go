//go:build linux

package pushpin

import (
	"fmt"
	"strings"
)

// Which channels a hold is on.
var channelScenarios = []scenario{
	on("channels: a comma list, the first", "-a", "Grip-Channel: {c}-a, {c}-b"),
	on("channels: a comma list, the second", "-b", "Grip-Channel: {c}-a,{c}-b"),
	on("channels: repeated lines, the second", "-b", "Grip-Channel: {c}-a", "grip-channel: {c}-b"),
	on("channels: lines and lists", "-c", "Grip-Channel: {c}-a,{c}-b", "Grip-Channel: {c}-c"),
	on("channels: a trailing comma", "", "Grip-Channel: {c},"),
	on("channels: an empty part", "", "Grip-Channel: a-{c},,{c}"),
	on("channels: the same twice", "", "Grip-Channel: {c}, {c}"),
	on("channels: an invalid part is left out", "-b", `Grip-Channel: {c}-a; prev-id="x\`, "Grip-Channel: {c}-b"),
	on("channels: an unknown parameter", "", "Grip-Channel: {c}; foo=bar; flag"),
	on("channels: a blank in the name", " b", "Grip-Channel: {c} b"),
	on("channels: a slash in the name", "/b", "Grip-Channel: {c}/b"),
	on("channels: beyond ASCII", "-ü", "Grip-Channel: {c}-ü"),
	on("channels: a colon and a percent sign", ":%41", "Grip-Channel: {c}:%41"),
	on("channels: twenty, the last", "-20", "Grip-Channel: "+numbered(20)),
	on("channels: more than twenty, the first", "-1", "Grip-Channel: "+numbered(25)),
	on("channels: an equals sign in the name", "=b", "Grip-Channel: {c}=b; filter=x"),
	{name: "channels: a quoted parameter", app: hold("timeout\n", `Grip-Channel: {c}; prev-id="a, b; c\"d"`), steps: released(follows(`a, b; c"d`, "news"))},
	{name: "channels: parameters of other case", app: hold("timeout\n", "Grip-Channel: {c}; PREV-ID=1; Filter=x"), steps: released(follows("1", "news"))},
	{name: "channels: more than twenty, the last", app: hold("timeout\n", "Grip-Channel: "+numbered(25)),
		steps: []step{get(), heldOn("{c}-1"), publish(to("-25", "last")), publish(to("-1", "first")), answered}},
	{name: "channels: the first event ends the hold on all", app: hold("timeout\n", "Grip-Channel: {c}-a, {c}-b"),
		steps: []step{get(), heldOn("{c}-a"), heldOn("{c}-b"), publish(to("-a", "one")), answered,
			publish(to("-b", "two")), getAgain, heldOn("{c}-b"), publish(to("-b", "three")), answered}},
	{name: "channels: one batch for two of them", app: hold("timeout\n", "Grip-Channel: {c}-a, {c}-b"),
		steps: []step{get(), heldOn("{c}-a"),
			publish(`{"items":[{"channel":"{c}-b","http-response":{"body":"one\n"}},{"channel":"{c}-a","http-response":{"body":"two\n"}}]}`), answered}},
	{name: "channels: JSON and header together", app: instruct(`{"hold":{"channels":[{"name":"{c}-a"}]}}`, "Grip-Channel: {c}-b"),
		steps: []step{get(), heldOn("{c}-b"), publish(to("-b", "news")), answered}},
	{name: "channels: JSON, several", app: instruct(`{"hold":{"channels":[{"name":"{c}-a"},{"name":"{c}-b","filters":["x"]}]}}`),
		steps: []step{get(), heldOn("{c}-b"), publish(to("-b", "news")), answered}},
	{name: "channels: an item for the empty name", disturbs: true, steps: []step{publish(`{"items":[{"channel":"","http-response":{"body":"x"}}]}`)}},
	{name: "channels: an item for a name with $", steps: []step{publish(`{"items":[{"channel":"$x","http-response":{"body":"x"}}]}`)}},
	{name: "channels: an item for a very long name", steps: []step{publish(`{"items":[{"channel":"` + strings.Repeat("x", 256) + `","http-response":{"body":"x"}}]}`)}},
	{name: "channels: an item for a name with a line end", steps: []step{publish(`{"items":[{"channel":"a\nb","http-response":{"body":"x"}}]}`)}},
	{name: "channels: hold on a name with $", app: hold("timeout\n", "Grip-Channel: $x-{c}", "Grip-Timeout: 1")},
}

// on is a hold by these lines, which is released by an item for the play's
// channel with a suffix.
func on(name, suffix string, lines ...string) scenario {
	return scenario{name: name, app: hold("timeout\n", lines...), steps: []step{get(), heldOn("{c}" + suffix), publish(to(suffix, "news")), answered}}
}

func to(suffix, body string) string {
	return `{"items":[{"channel":"{c}` + suffix + `","http-response":{"body":"` + body + `\n"}}]}`
}

func numbered(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("{c}-%d", i+1))
	}
	return strings.Join(names, ", ")
}
