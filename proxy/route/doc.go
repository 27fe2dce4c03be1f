// Package route answers one question: which route does a raw request target
// take, and which channels does it name?
//
// It is pure: bytes in, a match or an error out; no connection, clock or log.
//
// # What is matched
//
// Matching works on the raw request target, never on a path somebody has
// already decoded, merged or resolved: a decoder in front would turn %2F into
// a border between segments and hide "..", so that what the routes judge and
// what the backend gets would be two different paths.
//
// The query (and a fragment, which has no place there) is cut off, the path is
// split at "/", and each segment is percent-decoded once. From this comes the
// resolved path, the one thing routes are compared with:
//
//   - a bad escape ("%zz", "%4") stands for itself,
//   - empty segments are dropped first ("//x" is "/x", "/x/" is "/x"),
//   - then "." and "..", literal or encoded, are resolved; ".." at the top
//     stays at the top,
//   - a decoded segment that contains "/" (from %2F) is still one segment.
//
// The most specific route that matches the resolved path takes the request: by
// host exact > longest wildcard > none, then segment by segment literal >
// {name} > end of the pattern. The order is by the whole pattern: if the
// literal branch leads nowhere, the {name} branch is tried, then the prefix, then
// the next host. A native route must match the whole resolved path, a backend
// route a prefix of it that ends at a border of segments.
//
// # Who may be sloppy
//
// If the route found is a backend, the resolved path has done its work; the
// backend gets the target byte for byte. If it is native, the path must also be
// written cleanly: an empty segment, a dot segment, a bad escape, bad UTF-8 or a
// control character anywhere in it is [BadPath]. So a target with ".." can
// never read a channel, and never reaches a route that is less specific than the
// one its resolved form belongs to. A sloppy path whose resolved form belongs to
// no native route is none of this package's business: with the native route
// /events/{room} and the backend /, "/events/" is the backend's, while
// "/events//42" and "/events/42/" are [BadPath].
//
// Dropping empty segments before resolving is what nginx and path.Clean do; RFC
// 3986 taken literally lets ".." remove an empty segment. A backend that takes
// "a%2F..%2Fb", "..;" or a backslash for a dot segment resolves on its own: such
// segments are ordinary here.
package route
