package store_test

import (
	"math/rand/v2"
	"testing"
)

func TestAHistoryInPostgreSQLAndS3AnswersAsItsModelDoes(t *testing.T) {
	t.Parallel()
	d, _ := remoteDatabase(t)
	playLife(t, d, rand.New(rand.NewPCG(seed(t), 0)), lifeSteps(t, 60))
}
