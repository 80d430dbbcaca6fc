//! A tiny model with one layer a side, built here, converted and read back.

use super::*;

const STATE: usize = 64;
const VOCAB: usize = 7;

struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    /// `kind`: 0 for f32, 4 for f16 (0 and powers of two only).
    fn add(&mut self, name: &str, dims: &[usize], kind: u8, value: impl Fn(usize) -> f32) {
        self.bytes.extend((name.len() as u16 + 1).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.bytes.push(dims.len() as u8);
        self.bytes.extend(dims.iter().flat_map(|dim| (*dim as u32).to_le_bytes()));
        self.bytes.push(kind);
        let count: usize = dims.iter().product();
        let width = if kind == 4 { 2 } else { 4 };
        self.bytes.extend((count as u32 * width).to_le_bytes());
        for i in 0..count {
            match kind {
                4 => self.bytes.extend(half(value(i)).to_le_bytes()),
                _ => self.bytes.extend(value(i).to_le_bytes()),
            }
        }
        self.count += 1;
    }

    fn finish(self) -> Vec<u8> {
        [
            &6_u32.to_le_bytes()[..],
            &12_u16.to_le_bytes(),
            b"WhisperSpec\0",
            &3_u32.to_le_bytes(),
            &self.count.to_le_bytes(),
            &self.bytes,
            &0_u32.to_le_bytes(),
        ]
        .concat()
    }
}

/// 0, or a power of two.
fn half(value: f32) -> u16 {
    if value == 0.0 { 0 } else { ((value.log2() as i32 + 15) as u16) << 10 }
}

fn norm(b: &mut Builder, name: &str) {
    b.add(&format!("{name}/gamma"), &[STATE], 4, |_| 1.0);
    b.add(&format!("{name}/beta"), &[STATE], 4, |_| 0.5);
}

fn linear(b: &mut Builder, name: &str, rows: usize, columns: usize, kind: u8) {
    b.add(&format!("{name}/weight"), &[rows, columns], kind, |_| 0.25);
    b.add(&format!("{name}/bias"), &[rows], kind, |_| 2.0);
}

/// Part number by row, so that it shows which part went where: 1, 2, 4.
fn stacked(b: &mut Builder, name: &str, parts: usize, key: Option<usize>) {
    let part = |row: usize| row / STATE;
    b.add(&format!("{name}/weight"), &[parts * STATE, STATE], 4, |i| (1 << part(i / STATE)) as f32);
    b.add(
        &format!("{name}/bias"),
        &[parts * STATE],
        4,
        |i| {
            if Some(part(i)) == key { 0.0 } else { (8 << part(i)) as f32 }
        },
    );
}

fn tiny(key_bias: bool) -> Vec<u8> {
    let mut b = Builder { bytes: Vec::new(), count: 0 };
    for side in ["encoder", "decoder"] {
        let layer = format!("{side}/layer_0");
        b.add(&format!("{side}/position_encodings/encodings"), &[3, STATE], 0, |i| i as f32);
        stacked(&mut b, &format!("{layer}/self_attention/linear_0"), 3, (!key_bias).then_some(1));
        linear(&mut b, &format!("{layer}/self_attention/linear_1"), STATE, STATE, 0);
        norm(&mut b, &format!("{layer}/self_attention/layer_norm"));
        linear(&mut b, &format!("{layer}/ffn/linear_0"), 4 * STATE, STATE, 4);
        linear(&mut b, &format!("{layer}/ffn/linear_1"), STATE, 4 * STATE, 4);
        norm(&mut b, &format!("{layer}/ffn/layer_norm"));
        norm(&mut b, &format!("{side}/layer_norm"));
    }
    stacked(&mut b, "decoder/layer_0/attention/linear_0", 1, None);
    stacked(&mut b, "decoder/layer_0/attention/linear_1", 2, Some(0));
    linear(&mut b, "decoder/layer_0/attention/linear_2", STATE, STATE, 4);
    norm(&mut b, "decoder/layer_0/attention/layer_norm");
    b.add("decoder/embeddings/weight", &[VOCAB, STATE], 4, |_| 1.0);
    for (name, width) in [("conv1", MELS), ("conv2", STATE)] {
        b.add(&format!("encoder/{name}/weight"), &[STATE, width, 3], 4, |_| 1.0);
        b.add(&format!("encoder/{name}/bias"), &[STATE], 4, |_| 1.0);
    }
    b.finish()
}

const WORDS: &str = "a\nĠb\nĊ\nÃ¼\n<|endoftext|>\n<|en|>\n<|de|>\n";

/// Reads a ggml file back: header, tokens, tensors.
struct Ggml {
    header: Vec<i32>,
    mel: Vec<f32>,
    tokens: Vec<Vec<u8>>,
    tensors: HashMap<String, (Vec<i32>, i32, Vec<u8>)>,
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, tail) = rest.split_at(count);
    *rest = tail;
    head
}

fn int(rest: &mut &[u8]) -> i32 {
    i32::from_le_bytes(take(rest, 4).try_into().unwrap())
}

fn read(mut rest: &[u8]) -> Ggml {
    let rest = &mut rest;
    assert_eq!(int(rest) as u32, MAGIC);
    let header = (0..11).map(|_| int(rest)).collect();
    assert_eq!((int(rest), int(rest)), (80, 201));
    let mel = take(rest, 80 * 201 * 4).chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let mut tokens = Vec::new();
    for _ in 0..int(rest) {
        let length = int(rest) as usize;
        tokens.push(take(rest, length).to_vec());
    }
    let mut tensors = HashMap::new();
    while !rest.is_empty() {
        let (rank, name, kind) = (int(rest), int(rest) as usize, int(rest));
        let dims: Vec<i32> = (0..rank).map(|_| int(rest)).collect();
        let name = String::from_utf8(take(rest, name).to_vec()).unwrap();
        let size = dims.iter().product::<i32>() as usize * if kind == 1 { 2 } else { 4 };
        tensors.insert(name, (dims, kind, take(rest, size).to_vec()));
    }
    Ggml { header, mel, tokens, tensors }
}

#[test]
fn a_tiny_model_becomes_ggml() {
    let ggml = read(&to_ggml(&tiny(false), WORDS.as_bytes()).unwrap());
    assert_eq!(ggml.header, [7, 3, 64, 1, 1, 3, 64, 1, 1, 80, 1]);
    assert_eq!(ggml.mel, mel_filters());
    assert_eq!(ggml.tokens, [b"a".to_vec(), b" b".to_vec(), b"\n".to_vec(), "ü".as_bytes().to_vec()]);
    let first = |name: &str| {
        let (dims, kind, data) = &ggml.tensors[name];
        let value = match kind {
            1 => f32::from(u16::from_le_bytes([data[0], data[1]]) >> 10) - 15.0,
            _ => f32::from_le_bytes(data[..4].try_into().unwrap()).log2(),
        };
        (dims.clone(), *kind, value)
    };
    // Part numbers 1, 2, 4 are exponents 0, 1, 2.
    assert_eq!(first("encoder.blocks.0.attn.query.weight"), (vec![64, 64], 1, 0.0));
    assert_eq!(first("encoder.blocks.0.attn.key.weight"), (vec![64, 64], 1, 1.0));
    assert_eq!(first("decoder.blocks.0.attn.value.weight"), (vec![64, 64], 1, 2.0));
    assert_eq!(first("decoder.blocks.0.attn.value.bias"), (vec![64], 0, 5.0));
    assert_eq!(first("decoder.blocks.0.cross_attn.query.weight"), (vec![64, 64], 1, 0.0));
    assert_eq!(first("decoder.blocks.0.cross_attn.value.weight"), (vec![64, 64], 1, 1.0));
    assert_eq!(first("encoder.blocks.0.attn.out.weight"), (vec![64, 64], 1, -2.0));
    assert_eq!(first("encoder.blocks.0.mlp.0.weight"), (vec![64, 256], 1, -2.0));
    assert_eq!(first("decoder.blocks.0.mlp_ln.bias"), (vec![64], 0, -1.0));
    assert_eq!(first("encoder.conv1.weight"), (vec![3, 80, 64], 1, 0.0));
    assert_eq!(first("encoder.conv1.bias"), (vec![1, 64], 0, 0.0));
    assert_eq!(first("decoder.token_embedding.weight"), (vec![64, 7], 1, 0.0));
    assert_eq!(ggml.tensors["encoder.positional_embedding"].2[4..8], 1_f32.to_le_bytes());
    assert!(!ggml.tensors.contains_key("encoder.blocks.0.attn.key.bias"));
    // One layer a side: as many tensors as OpenAI's naming has.
    assert_eq!(ggml.tensors.len(), 1 + 4 + 15 + 2 + 2 + 24 + 2);
}

#[test]
fn mel_filters_are_triangles_of_the_same_area() {
    let mel = mel_filters();
    // Figures of the well-known filter bank: first and last non-zero weights.
    assert!(mel[0].abs() < f32::EPSILON);
    assert!((f64::from(mel[1]) - 0.024_862_594).abs() < 1e-7, "{}", mel[1]);
    for (index, filter) in mel.chunks(201).enumerate().skip(30) {
        let area: f32 = filter.iter().sum::<f32>() * 40.0;
        assert!((area - 1.0).abs() < 0.2, "{index}: {area}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(to_ggml(&tiny(true), WORDS.as_bytes()).unwrap_err().contains("has a bias"));
    assert!(to_ggml(&tiny(false), b"a\nb\n").unwrap_err().contains("2 tokens"));
    let odd = WORDS.replace("Ġb", "\u{3042}");
    assert!(to_ggml(&tiny(false), odd.as_bytes()).unwrap_err().contains("token"));
    let weights = tiny(false);
    let mut renamed = weights.clone();
    let at = renamed.windows(5).position(|w| w == b"conv2").unwrap();
    renamed[at] = b'k';
    assert!(to_ggml(&renamed, WORDS.as_bytes()).unwrap_err().contains("no encoder/conv2"));
    assert!(to_ggml(&weights[..weights.len() / 2], WORDS.as_bytes()).is_err());
}
