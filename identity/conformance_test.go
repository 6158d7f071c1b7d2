package identity_test

import (
	"testing"

	"parley/identity"
	"parley/identity/identitytest"
)

func TestConformance(t *testing.T) {
	identitytest.Run(t, func(t *testing.T, mode identity.Mode) identitytest.House {
		_, h := identitytest.NewLocal(t, mode)
		return h
	})
}
