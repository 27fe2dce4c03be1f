// Package deploy has no code of its own. Its tests install the packages of deploy/ in
// a throw-away copy of this machine and run what is in them, and check the units, the
// image and the Kubernetes example as far as that goes without a cluster.
//
// Programs that are missing are skipped with a message; ../apps/install.sh installs them.
package deploy
