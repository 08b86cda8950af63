//go:build !sim

package flow

// simExchanges is how many documents a plain run of the tests simulates: two worlds.
const simExchanges = 48
