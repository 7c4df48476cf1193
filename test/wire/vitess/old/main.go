// Makes samples of the wire format of what Vitess 24 no longer has, from the generated code of Vitess 7. Run once; the samples are kept as data
// (../samples-7.jsonl). How: see ../README.md.
package main

import (
	"encoding/base64"
	"encoding/json"
	"os"

	"github.com/golang/protobuf/jsonpb"
	"github.com/golang/protobuf/proto"

	automationpb "vitess.io/vitess/go/vt/proto/automation"
	logutilpb "vitess.io/vitess/go/vt/proto/logutil"
	vtctldatapb "vitess.io/vitess/go/vt/proto/vtctldata"
	vttimepb "vitess.io/vitess/go/vt/proto/vttime"
	vtworkerdatapb "vitess.io/vitess/go/vt/proto/vtworkerdata"
)

type sample struct {
	Message string          `json:"message"`
	Bytes   string          `json:"bytes"`
	JSON    json.RawMessage `json:"json"`
}

func main() {
	event := &logutilpb.Event{
		Time:  &vttimepb.Time{Seconds: 1700000000, Nanoseconds: 123456000},
		Level: logutilpb.Level_CONSOLE,
		File:  "vtctl.go",
		Line:  412,
		Value: "line one ü\n",
	}
	parameters := map[string]string{"keyspace": "ks", "source_shard_list": "0", "exclude_tables": ""}
	task := func(id string, state automationpb.TaskState) *automationpb.Task {
		return &automationpb.Task{Name: "SplitCloneTask", Parameters: parameters, Id: id, State: state, Output: "out\nput", Error: "went wrong"}
	}
	messages := []proto.Message{
		&automationpb.EnqueueClusterOperationRequest{Name: "HorizontalReshardingTask", Parameters: parameters},
		&automationpb.EnqueueClusterOperationResponse{Id: "17"},
		&automationpb.GetClusterOperationDetailsRequest{Id: "17"},
		&automationpb.GetClusterOperationDetailsResponse{ClusterOp: &automationpb.ClusterOperation{
			Id: "17",
			SerialTasks: []*automationpb.TaskContainer{
				{ParallelTasks: []*automationpb.Task{task("1", automationpb.TaskState_DONE)}, Concurrency: 3},
				{ParallelTasks: []*automationpb.Task{task("2", automationpb.TaskState_RUNNING), task("3", automationpb.TaskState_NOT_STARTED)}},
			},
			State: automationpb.ClusterOperationState_CLUSTER_OPERATION_RUNNING,
			Error: "an error",
		}},
		&vtctldatapb.ExecuteVtctlCommandRequest{Args: []string{"MigrateServedTypes", "ks/0", "rdonly"}, ActionTimeout: 3600000000000},
		&vtctldatapb.ExecuteVtctlCommandResponse{Event: event},
		&vtworkerdatapb.ExecuteVtworkerCommandRequest{Args: []string{"SplitClone", "ks/0"}},
		&vtworkerdatapb.ExecuteVtworkerCommandResponse{Event: event},
		event,
	}
	samples := []sample{}
	for _, message := range messages {
		buffer := proto.NewBuffer(nil)
		buffer.SetDeterministic(true)
		if err := buffer.Marshal(message); err != nil {
			panic(err)
		}
		shown, err := (&jsonpb.Marshaler{OrigName: true}).MarshalToString(message)
		if err != nil {
			panic(err)
		}
		samples = append(samples, sample{proto.MessageName(message), base64.StdEncoding.EncodeToString(buffer.Bytes()), json.RawMessage(shown)})
	}
	encoder := json.NewEncoder(os.Stdout)
	for _, one := range samples {
		if err := encoder.Encode(one); err != nil {
			panic(err)
		}
	}
}
