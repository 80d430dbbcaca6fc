//! Whisper's weights from `CTranslate2`'s file into the one whisper.cpp reads:
//! hyperparameters, mel filters, vocabulary, tensors under `OpenAI`'s names.

use std::collections::HashMap;

use super::ct2::{self, Variable};

const MAGIC: u32 = 0x6767_6d6c;
/// Dimensions of the 2-D convolution input and the tokens of `OpenAI`'s text vocabulary.
const MELS: usize = 80;
const FFT: usize = 400;
const TEXT_TOKENS: usize = 50_257;

/// The ggml file.
pub fn to_ggml(weights: &[u8], vocabulary: &[u8]) -> Result<Vec<u8>, String> {
    let variables = ct2::parse(weights)?;
    let shape = Shape::of(&variables)?;
    let mut out = Output { bytes: Vec::with_capacity(weights.len() + (4 << 20)) };
    out.bytes.extend(MAGIC.to_le_bytes());
    for value in shape.header() {
        out.i32(value)?;
    }
    out.i32(MELS)?;
    out.i32(FFT / 2 + 1)?;
    out.bytes.extend(mel_filters().into_iter().flat_map(f32::to_le_bytes));
    vocabulary_part(&mut out, vocabulary, shape.vocab)?;
    let mut source = Source { variables, state: shape.state };
    encoder(&mut out, &mut source, shape.audio_layers)?;
    decoder(&mut out, &mut source, shape.text_layers)?;
    Ok(out.bytes)
}

/// What the sizes of the tensors say about the model.
struct Shape {
    vocab: usize,
    audio_ctx: usize,
    text_ctx: usize,
    state: usize,
    audio_layers: usize,
    text_layers: usize,
}

impl Shape {
    fn of(variables: &HashMap<String, Variable<'_>>) -> Result<Self, String> {
        let dims = |name: &str| match variables.get(name).map(|variable| variable.dims.as_slice()) {
            Some([rows, columns]) => Ok((*rows, *columns)),
            _ => Err(format!("the weights have no matrix {name}")),
        };
        let (vocab, state) = dims("decoder/embeddings/weight")?;
        let (audio_ctx, audio_state) = dims("encoder/position_encodings/encodings")?;
        let (text_ctx, _) = dims("decoder/position_encodings/encodings")?;
        if state != audio_state || state == 0 || state % 64 != 0 {
            return Err(format!("the weights have a state of {state} and {audio_state}"));
        }
        let layers = |side: &str| {
            (0..1_000)
                .take_while(|i| variables.contains_key(&format!("{side}/layer_{i}/self_attention/linear_0/weight")))
                .count()
        };
        Ok(Self { vocab, audio_ctx, text_ctx, state, audio_layers: layers("encoder"), text_layers: layers("decoder") })
    }

    /// In whisper.cpp's order; heads are always 64 wide.
    const fn header(&self) -> [usize; 11] {
        let heads = self.state / 64;
        [
            self.vocab,
            self.audio_ctx,
            self.state,
            heads,
            self.audio_layers,
            self.text_ctx,
            self.state,
            heads,
            self.text_layers,
            MELS,
            1,
        ]
    }
}

struct Output {
    bytes: Vec<u8>,
}

impl Output {
    fn i32(&mut self, value: usize) -> Result<(), String> {
        let value = i32::try_from(value).map_err(|_| format!("{value} is too large for the model file"))?;
        self.bytes.extend(value.to_le_bytes());
        Ok(())
    }

    /// `kind`: 0 for f32, 1 for f16. Dimensions go innermost first.
    fn tensor(&mut self, name: &str, dims: &[usize], kind: usize, data: &[u8]) -> Result<(), String> {
        self.i32(dims.len())?;
        self.i32(name.len())?;
        self.i32(kind)?;
        for dim in dims.iter().rev() {
            self.i32(*dim)?;
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(data);
        Ok(())
    }

    fn f16(&mut self, name: &str, variable: &Variable<'_>) -> Result<(), String> {
        self.tensor(name, &variable.dims, 1, &variable.to_f16_bytes())
    }

    fn f32(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Result<(), String> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, dims, 0, &bytes)
    }
}

/// One matrix of several: its numbers as halves, its bias.
type Part = (Vec<u8>, Vec<f32>);

struct Source<'a> {
    variables: HashMap<String, Variable<'a>>,
    state: usize,
}

impl<'a> Source<'a> {
    /// Each is asked for once.
    fn take(&mut self, name: &str) -> Result<Variable<'a>, String> {
        let variable = self.variables.remove(name).ok_or_else(|| format!("the weights have no {name}"))?;
        if variable.kind == ct2::Kind::Other {
            return Err(format!("{name} is quantised; wanted are floats"));
        }
        Ok(variable)
    }

    /// Several matrices stacked on each other, with their biases.
    fn stacked(&mut self, name: &str, parts: usize) -> Result<Vec<Part>, String> {
        let weight = self.take(&format!("{name}/weight"))?;
        let bias = self.take(&format!("{name}/bias"))?.to_f32();
        let state = self.state;
        if weight.dims != [parts * state, state] || bias.len() != parts * state {
            return Err(format!("{name} has dimensions {:?}", weight.dims));
        }
        let halves = weight.to_f16_bytes();
        let matrices = halves.chunks_exact(state * state * 2).map(<[u8]>::to_vec);
        Ok(matrices.zip(bias.chunks_exact(state).map(<[f32]>::to_vec)).collect())
    }

    fn linear(&mut self, out: &mut Output, from: &str, to: &str) -> Result<(), String> {
        let weight = self.take(&format!("{from}/weight"))?;
        let bias = self.take(&format!("{from}/bias"))?;
        if weight.dims.len() != 2 || bias.dims != weight.dims[..1] {
            return Err(format!("{from} has dimensions {:?} and {:?}", weight.dims, bias.dims));
        }
        out.f16(&format!("{to}.weight"), &weight)?;
        out.f32(&format!("{to}.bias"), &bias.dims, &bias.to_f32())
    }

    fn norm(&mut self, out: &mut Output, from: &str, to: &str) -> Result<(), String> {
        for (old, new) in [("gamma", "weight"), ("beta", "bias")] {
            let values = self.take(&format!("{from}/{old}"))?;
            out.f32(&format!("{to}.{new}"), &values.dims, &values.to_f32())?;
        }
        Ok(())
    }

    fn self_attention(&mut self, out: &mut Output, from: &str, to: &str) -> Result<(), String> {
        let parts = self.stacked(&format!("{from}/self_attention/linear_0"), 3)?;
        for ((weight, bias), name) in parts.iter().zip(["query", "key", "value"]) {
            attention_part(out, &format!("{to}.attn.{name}"), self.state, weight, bias)?;
        }
        self.linear(out, &format!("{from}/self_attention/linear_1"), &format!("{to}.attn.out"))?;
        self.norm(out, &format!("{from}/self_attention/layer_norm"), &format!("{to}.attn_ln"))
    }

    fn cross_attention(&mut self, out: &mut Output, from: &str, to: &str) -> Result<(), String> {
        let query = self.stacked(&format!("{from}/attention/linear_0"), 1)?;
        let rest = self.stacked(&format!("{from}/attention/linear_1"), 2)?;
        for ((weight, bias), name) in query.iter().chain(&rest).zip(["query", "key", "value"]) {
            attention_part(out, &format!("{to}.cross_attn.{name}"), self.state, weight, bias)?;
        }
        self.linear(out, &format!("{from}/attention/linear_2"), &format!("{to}.cross_attn.out"))?;
        self.norm(out, &format!("{from}/attention/layer_norm"), &format!("{to}.cross_attn_ln"))
    }

    fn feed_forward(&mut self, out: &mut Output, from: &str, to: &str) -> Result<(), String> {
        self.linear(out, &format!("{from}/ffn/linear_0"), &format!("{to}.mlp.0"))?;
        self.linear(out, &format!("{from}/ffn/linear_1"), &format!("{to}.mlp.2"))?;
        self.norm(out, &format!("{from}/ffn/layer_norm"), &format!("{to}.mlp_ln"))
    }

    fn positions(&mut self, out: &mut Output, side: &str) -> Result<(), String> {
        let table = self.take(&format!("{side}/position_encodings/encodings"))?;
        out.f32(&format!("{side}.positional_embedding"), &table.dims, &table.to_f32())
    }
}

/// Whisper's keys have no bias: `CTranslate2` fills in zeros.
fn attention_part(out: &mut Output, name: &str, state: usize, weight: &[u8], bias: &[f32]) -> Result<(), String> {
    out.tensor(&format!("{name}.weight"), &[state, state], 1, weight)?;
    if name.rsplit('.').next() != Some("key") {
        return out.f32(&format!("{name}.bias"), &[state], bias);
    }
    if bias.iter().any(|value| *value != 0.0) {
        return Err(format!("{name} has a bias"));
    }
    Ok(())
}

fn encoder(out: &mut Output, source: &mut Source<'_>, layers: usize) -> Result<(), String> {
    source.positions(out, "encoder")?;
    for name in ["conv1", "conv2"] {
        let weight = source.take(&format!("encoder/{name}/weight"))?;
        out.f16(&format!("encoder.{name}.weight"), &weight)?;
        let bias = source.take(&format!("encoder/{name}/bias"))?;
        out.f32(&format!("encoder.{name}.bias"), &[bias.len(), 1], &bias.to_f32())?;
    }
    for i in 0..layers {
        let (from, to) = (format!("encoder/layer_{i}"), format!("encoder.blocks.{i}"));
        source.self_attention(out, &from, &to)?;
        source.feed_forward(out, &from, &to)?;
    }
    source.norm(out, "encoder/layer_norm", "encoder.ln_post")
}

fn decoder(out: &mut Output, source: &mut Source<'_>, layers: usize) -> Result<(), String> {
    source.positions(out, "decoder")?;
    let embedding = source.take("decoder/embeddings/weight")?;
    out.f16("decoder.token_embedding.weight", &embedding)?;
    for i in 0..layers {
        let (from, to) = (format!("decoder/layer_{i}"), format!("decoder.blocks.{i}"));
        source.self_attention(out, &from, &to)?;
        source.cross_attention(out, &from, &to)?;
        source.feed_forward(out, &from, &to)?;
    }
    source.norm(out, "decoder/layer_norm", "decoder.ln")
}

/// The text tokens as bytes, in the order of their numbers.
fn vocabulary_part(out: &mut Output, vocabulary: &[u8], size: usize) -> Result<(), String> {
    let text = std::str::from_utf8(vocabulary).map_err(|_| "the vocabulary is not UTF-8".to_owned())?;
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    if lines.len() != size {
        return Err(format!("the vocabulary has {} tokens, the weights {size}", lines.len()));
    }
    let special = lines.iter().position(|line| *line == "<|endoftext|>").unwrap_or(lines.len());
    let tokens = &lines[..special.min(TEXT_TOKENS)];
    let alphabet = byte_alphabet();
    out.i32(tokens.len())?;
    for token in tokens {
        let bytes = token.chars().map(|c| alphabet.get(&c).copied());
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.ok_or_else(|| format!("the vocabulary has a token that is none: {token:?}"))?;
        out.i32(bytes.len())?;
        out.bytes.extend(bytes);
    }
    Ok(())
}

/// GPT-2 writes bytes that can't be printed as characters from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let hidden = (0..=u8::MAX).filter(|byte| !printable(*byte)).zip('\u{100}'..);
    let shown = (0..=u8::MAX).filter(|byte| printable(*byte)).map(|byte| (byte, char::from(byte)));
    shown.chain(hidden).map(|(byte, c)| (c, byte)).collect()
}

/// 80 triangular filters over 0–8 kHz, equally spaced on Slaney's mel scale, each of the same area.
fn mel_filters() -> Vec<f32> {
    let bins = FFT / 2 + 1;
    let top = hertz_to_mel(8_000.0);
    let points: Vec<f64> = (0..MELS + 2).map(|i| mel_to_hertz(top * i as f64 / (MELS + 1) as f64)).collect();
    let mut filters = Vec::with_capacity(MELS * bins);
    for band in points.windows(3) {
        let (low, middle, high) = (band[0], band[1], band[2]);
        let norm = 2.0 / (high - low);
        for bin in 0..bins {
            let hertz = 16_000.0 * bin as f64 / FFT as f64;
            let rise = (hertz - low) / (middle - low);
            let fall = (high - hertz) / (high - middle);
            let height = rise.min(fall).max(0.0) as f32;
            filters.push((f64::from(height) * norm) as f32);
        }
    }
    filters
}

/// Linear below 1 kHz (200/3 Hz a mel), logarithmic above (27 mel per factor 6.4).
fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1_000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1_000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests;
