// Makes samples of the wire format from the generated code of Vitess 24: every message of our protocol files, every field of it filled, as bytes
// and as JSON. Run once; the samples are kept as data (../samples-24.jsonl). How: see ../README.md.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "vitess.io/vitess/go/vt/proto/vtctlservice"
	_ "vitess.io/vitess/go/vt/proto/vtgateservice"
)

type sample struct {
	Message string          `json:"message"`
	Bytes   string          `json:"bytes"`
	JSON    json.RawMessage `json:"json"`
}

// Numbers of the fields that our files have, by message.
var known map[string][]int32

func has(message protoreflect.FullName, number protoreflect.FieldNumber) bool {
	for _, one := range known[string(message)] {
		if one == int32(number) {
			return true
		}
	}
	return false
}

func scalar(field protoreflect.FieldDescriptor, salt int64) protoreflect.Value {
	n := int64(field.Number())*7 + salt
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s ü %d", field.Name(), n))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0x80, byte(n), 0})
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(-n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-9223372036854775808 + n)
	case protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(-n)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(4294967295 - uint32(n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(18446744073709551615 - uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n) + 0.25)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) + 0.125)
	case protoreflect.EnumKind:
		// A type of values is an open number in our files.
		if field.Enum().FullName() == "query.Type" {
			return protoreflect.ValueOfEnum(1)
		}
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	}
	panic("no sample for " + string(field.FullName()))
}

func fill(message protoreflect.Message, salt int64) {
	fields := message.Descriptor().Fields()
	for i := 0; i < fields.Len(); i++ {
		field := fields.Get(i)
		if !has(message.Descriptor().FullName(), field.Number()) {
			continue
		}
		switch {
		case field.IsMap():
			entries := message.Mutable(field).Map()
			for _, key := range []string{"a", "b"} {
				if field.MapValue().Kind() == protoreflect.MessageKind {
					value := entries.NewValue()
					fill(value.Message(), salt+int64(len(key)))
					entries.Set(protoreflect.ValueOfString(key).MapKey(), value)
				} else {
					entries.Set(protoreflect.ValueOfString(key).MapKey(), scalar(field.MapValue(), salt))
				}
			}
		case field.IsList():
			list := message.Mutable(field).List()
			for at := int64(1); at <= 2; at++ {
				if field.Kind() == protoreflect.MessageKind {
					value := list.NewElement()
					fill(value.Message(), salt+at)
					list.Append(value)
				} else {
					list.Append(scalar(field, salt+at))
				}
			}
		case field.Kind() == protoreflect.MessageKind:
			fill(message.Mutable(field).Message(), salt+1)
		default:
			message.Set(field, scalar(field, salt))
		}
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(text, &known); err != nil {
		panic(err)
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	samples := []sample{}
	for _, name := range names {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
		if err != nil {
			fmt.Fprintln(os.Stderr, "not of Vitess 24:", name)
			continue
		}
		message := kind.New()
		fill(message, 0)
		bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message.Interface())
		if err != nil {
			panic(err)
		}
		// What JSON looks like must not hang on how the generated code was made.
		plain := dynamicpb.NewMessage(kind.Descriptor())
		if err := proto.Unmarshal(bytes, plain); err != nil {
			panic(err)
		}
		shown, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(plain)
		if err != nil {
			panic(err)
		}
		samples = append(samples, sample{name, base64.StdEncoding.EncodeToString(bytes), shown})
	}
	encoder := json.NewEncoder(os.Stdout)
	for _, one := range samples {
		if err := encoder.Encode(one); err != nil {
			panic(err)
		}
	}
}
