// Sends a run of one agent that repeats a search, with the OpenTelemetry Go SDK.
// Usage: send {grpc|http-protobuf} ENDPOINT {gzip|none}
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	ctx := context.Background()
	protocol, endpoint, compression := os.Args[1], os.Args[2], os.Args[3]
	exporter, err := newExporter(ctx, protocol, endpoint, compression)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "peer-go"))),
	)
	tracer := provider.Tracer("peer")
	agentCtx, agent := tracer.Start(ctx, "invoke_agent searcher", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "searcher"),
		attribute.String("gen_ai.conversation.id", "go-"+protocol+"-"+compression),
	))
	for i := range 5 {
		_, call := tracer.Start(agentCtx, "execute_tool web_search", trace.WithAttributes(
			attribute.String("gen_ai.operation.name", "execute_tool"),
			attribute.String("gen_ai.tool.name", "web_search"),
			attribute.String("gen_ai.tool.call.id", fmt.Sprintf("call_%d", i)),
			attribute.String("gen_ai.tool.call.arguments", `{"query":"heat pump subsidy"}`),
			attribute.String("gen_ai.tool.call.result", `{"results":[]}`),
		))
		call.End()
	}
	agent.End()
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}

func newExporter(ctx context.Context, protocol, endpoint, compression string) (*otlptrace.Exporter, error) {
	if protocol == "grpc" {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure()}
		if compression == "gzip" {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(ctx, options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure()}
	if compression == "gzip" {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.New(ctx, options...)
}
