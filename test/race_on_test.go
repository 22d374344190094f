//go:build linux && race

package e2e

// raceDetector tells that the tests have the race detector.
const raceDetector = true
