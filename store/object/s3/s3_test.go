package s3_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBucketAtAServerIsABucket(t *testing.T) {
	server := s3test.Start(t)
	n := 0
	objecttest.Run(t, func(t *testing.T) object.Bucket {
		n++
		opts := server.Bucket(t, fmt.Sprintf("suite-%d", n))
		return s3test.Open(t, opts)
	})
}
