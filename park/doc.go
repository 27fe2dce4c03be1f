// Package park owns the client connections of a long-poll server: it accepts
// them, keeps the idle and the parked ones as cheaply as the system allows,
// hands those with something to read to the HTTP server, and reports hang-ups
// and deadlines of parked ones. It knows nothing of HTTP and nothing of
// channels.
package park
