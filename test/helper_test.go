package test

// helperRole names the environment variable that makes the test binary a helper
// process with descriptors of its own.
const helperRole = "COMETPROXY_TEST_ROLE"

func helper(role string) int { return 2 }
