package datafolder_test

import (
	"testing"

	"nems/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
