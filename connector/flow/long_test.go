//go:build sim

package flow

// simExchanges is how many documents each round of make sim simulates.
const simExchanges = 480
