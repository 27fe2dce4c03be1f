//go:build linux

package pushpin

import "slices"

// all scenarios, by theme.
func all() []scenario {
	return slices.Concat(
		relayScenarios,
		requestScenarios,
		holdScenarios,
		timeoutScenarios,
		releaseScenarios,
		mergeScenarios,
		channelScenarios,
		instructScenarios,
		limitScenarios,
		publishScenarios,
		itemScenarios(),
	)
}
