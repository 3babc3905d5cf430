//! A JPEG as its quantised coefficients: read and written bit by bit, as ITU-T T.81 says it. An oracle: nothing of
//! the crate's own code is in it, and it is slow and plain.

/// The coefficients of a sequential JPEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coefficients {
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Sampling factors, across and down.
    pub factors: (usize, usize),
    /// Steps of quantisation in zigzag order.
    pub steps: [u16; 64],
    /// Blocks in a row, of whole MCUs.
    pub across: usize,
    /// Row by row, each in zigzag order.
    pub blocks: Vec<[i32; 64]>,
}

/// A Huffman table as T.81 B.2.4.2 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Huffman {
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

/// DC and AC tables, for luma and for chroma.
pub type Tables = [[Huffman; 2]; 2];

impl Huffman {
    /// A code for each symbol that can be, whatever the picture; codes of ones alone are left free (T.81 C.2).
    pub fn of_every_symbol() -> [Self; 2] {
        let mut dc = Self { counts: [0; 16], symbols: (0..16).collect() };
        let mut ac = Self { counts: [0; 16], symbols: (0..=255).collect() };
        dc.counts[4] = 16;
        (ac.counts[7], ac.counts[8]) = (254, 2);
        [dc, ac]
    }

    /// T.81 Annex C.2.
    fn codes(&self) -> Codes {
        let mut codes = [None; 256];
        let mut symbols = self.symbols.iter();
        let mut code = 0;
        for (&count, length) in self.counts.iter().zip(1..) {
            for &symbol in symbols.by_ref().take(count.into()) {
                codes[usize::from(symbol)] = Some((code, length));
                code += 1;
            }
            code <<= 1;
        }
        codes
    }

    /// T.81 F.2.2.3, DECODE.
    fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in self.counts.map(usize::from) {
            code = code << 1 | bits.take(1)? as usize;
            if code < first + count {
                return self.symbols.get(index + code - first).copied();
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }
}

/// Entropy-coded bits.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits of the byte at `at` that were taken.
    taken: u32,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |bits, _| {
            let byte = *self.data.get(self.at)?;
            let is_marker = byte == 0xFF && self.data.get(self.at + 1) != Some(&0);
            let bit = (!is_marker).then_some(byte >> (7 - self.taken) & 1)?;
            self.taken += 1;
            if self.taken == 8 {
                self.at += if byte == 0xFF { 2 } else { 1 };
                self.taken = 0;
            }
            Some(bits << 1 | u32::from(bit))
        })
    }

    /// T.81 F.2.2.1, RECEIVE and EXTEND.
    fn value(&mut self, size: u8) -> Option<i32> {
        if size > 15 {
            return None;
        }
        let bits = self.take(size.into())? as i32;
        let is_negative = size > 0 && bits < 1 << (size - 1);
        Some(if is_negative { bits - (1 << size) + 1 } else { bits })
    }

    /// Goes behind the next restart marker.
    fn restart(&mut self) -> Option<()> {
        let rest = &self.data[self.at..];
        let marker = rest.windows(2).position(|two| two[0] == 0xFF && (0xD0..0xD8).contains(&two[1]))?;
        (self.at, self.taken) = (self.at + marker + 2, 0);
        Some(())
    }
}

/// What has been read of a JPEG.
#[derive(Default)]
struct Reader {
    quantisation: [Option<[u16; 64]>; 4],
    huffman: [[Option<Huffman>; 4]; 2],
    interval: usize,
    /// Id, factors and quantisation table.
    frame: Vec<[u8; 3]>,
    read: Option<Coefficients>,
}

/// The Huffman tables 0 and 1 of a JPEG that defines them in front of its only scan.
pub fn tables(jpeg: &[u8]) -> Option<Tables> {
    let mut reader = Reader::default();
    reader.segments(jpeg)?;
    let [[dc0, dc1, ..], [ac0, ac1, ..]] = reader.huffman;
    Some([[dc0?, ac0?], [dc1?, ac1?]])
}

/// The coefficients of a JPEG; `None` if it is broken or of another kind.
pub fn read(jpeg: &[u8]) -> Option<Coefficients> {
    let mut reader = Reader::default();
    reader.segments(jpeg)?;
    reader.read
}

impl Reader {
    fn segments(&mut self, jpeg: &[u8]) -> Option<()> {
        let mut at = 2;
        loop {
            at += jpeg.get(at..)?.iter().take_while(|&&byte| byte == 0xFF).count();
            let kind = *jpeg.get(at)?;
            if kind == 0xD9 {
                return Some(());
            }
            let length = usize::from(u16::from_be_bytes([*jpeg.get(at + 1)?, *jpeg.get(at + 2)?]));
            let body = jpeg.get(at + 3..at + 1 + length)?;
            at += 1 + length;
            match kind {
                0xDB => self.quantisation(body)?,
                0xC4 => self.huffman(body)?,
                0xDD => self.interval = usize::from(u16::from_be_bytes(body.try_into().ok()?)),
                0xC0 | 0xC1 => self.frame(body)?,
                0xC2..=0xCF => return None,
                0xDA => at += self.scan(body, &jpeg[at..])?,
                _ => {}
            }
        }
    }

    fn quantisation(&mut self, mut body: &[u8]) -> Option<()> {
        while let [id, rest @ ..] = body {
            let bytes = if id >> 4 == 0 { 1 } else { 2 };
            let (steps, rest) = rest.split_at_checked(64 * bytes)?;
            let step = |step: &[u8]| step.iter().fold(0, |step, &byte| step << 8 | u16::from(byte));
            let table = steps.chunks(bytes).map(step).collect::<Vec<_>>().try_into().ok()?;
            *self.quantisation.get_mut(usize::from(id & 15))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let [id, rest @ ..] = body {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (symbols, rest) = rest.split_at_checked(counts.iter().map(|&n| usize::from(n)).sum())?;
            let table = Huffman { counts: *counts, symbols: symbols.to_vec() };
            *self.huffman.get_mut(usize::from(id >> 4))?.get_mut(usize::from(id & 15))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn frame(&mut self, body: &[u8]) -> Option<()> {
        let [8, h0, h1, w0, w1, _, components @ ..] = body else { return None };
        self.frame = components.as_chunks().0.to_vec();
        let (width, height) = (u16::from_be_bytes([*w0, *w1]), u16::from_be_bytes([*h0, *h1]));
        let mut factors: Vec<_> =
            self.frame.iter().map(|c| (usize::from(c[1] >> 4), usize::from(c[1] & 15))).collect();
        if factors.len() == 1 {
            factors = vec![(1, 1)];
        }
        let most = (factors.iter().map(|f| f.0).max()?, factors.iter().map(|f| f.1).max()?);
        let mcus = |side: u16, most: usize| Some(usize::from(side).div_ceil(8 * most)).filter(|_| most > 0);
        let mcus = (mcus(width, most.0)?, mcus(height, most.1)?);
        let component = |factors: (usize, usize)| Component {
            factors,
            steps: [0; 64],
            across: mcus.0 * factors.0,
            blocks: vec![[0; 64]; mcus.0 * factors.0 * mcus.1 * factors.1],
        };
        let components = factors.into_iter().map(component).collect();
        self.read = Some(Coefficients { width, height, components });
        Some(())
    }

    /// Reads a scan; how many bytes of data it has.
    fn scan(&mut self, header: &[u8], data: &[u8]) -> Option<usize> {
        let all = self.read.as_mut()?;
        let [count, selectors @ .., 0, 63, 0] = header else { return None };
        let selectors = selectors.as_chunks::<2>().0;
        let mut parts = Vec::new();
        if selectors.len() != usize::from(*count) || selectors.len() > 4 {
            return None;
        }
        for &[id, tables] in selectors {
            let index = self.frame.iter().position(|component| component[0] == id)?;
            let table = |class: usize, n: u8| self.huffman[class].get(usize::from(n))?.as_ref();
            all.components[index].steps = (*self.quantisation.get(usize::from(self.frame[index][2]))?)?;
            parts.push((index, table(0, tables >> 4)?, table(1, tables & 15)?));
        }
        let mut bits = Bits { data, at: 0, taken: 0 };
        let mut dc = [0; 4];
        for (mcu, blocks) in
            all.order(&parts.iter().map(|part| part.0).collect::<Vec<_>>()).iter().enumerate()
        {
            if self.interval > 0 && mcu > 0 && mcu.is_multiple_of(self.interval) {
                bits.restart()?;
                dc = [0; 4];
            }
            for &(part, block) in blocks {
                let (index, dc_table, ac_table) = parts[part];
                let block = &mut all.components[index].blocks[block];
                let size = dc_table.decode(&mut bits)?;
                dc[part] += bits.value(size)?;
                block[0] = dc[part];
                read_ac(block, ac_table, &mut bits)?;
            }
        }
        let is_end = |two: &[u8]| two[0] == 0xFF && !matches!(two[1], 0 | 0xD0..=0xD7);
        Some(bits.at + data[bits.at..].windows(2).position(is_end)?)
    }
}

/// T.81 F.2.2.2.
fn read_ac(block: &mut [i32; 64], table: &Huffman, bits: &mut Bits<'_>) -> Option<()> {
    let mut position = 1;
    while position < 64 {
        let symbol = table.decode(bits)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 && run < 15 {
            break;
        }
        *block.get_mut(position + run)? = bits.value(size)?;
        position += run + 1;
    }
    Some(())
}

impl Coefficients {
    /// The blocks of each MCU of a scan of these components, as their place in the scan's list of components and in
    /// their component (T.81 A.2).
    fn order(&self, parts: &[usize]) -> Vec<Vec<(usize, usize)>> {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        let (across, down) = (most(|c| c.factors.0), most(|c| c.factors.1));
        let [width, height] = [self.width, self.height].map(usize::from);
        let mcu = |part: usize, (column, row): (usize, usize), factors: (usize, usize)| {
            let Component { across, .. } = self.components[parts[part]];
            (0..factors.0 * factors.1).map(move |n| {
                (part, (row * factors.1 + n / factors.0) * across + column * factors.0 + n % factors.0)
            })
        };
        let grid = |columns: usize, rows: usize| (0..rows * columns).map(move |n| (n % columns, n / columns));
        if let [index] = *parts {
            let (h, v) = self.components[index].factors;
            let blocks = |side: usize, own: usize, most: usize| (side * own).div_ceil(most).div_ceil(8);
            return grid(blocks(width, h, across), blocks(height, v, down))
                .map(|place| mcu(0, place, (1, 1)).collect())
                .collect();
        }
        grid(width.div_ceil(8 * across), height.div_ceil(8 * down))
            .map(|place| {
                (0..parts.len()).flat_map(|n| mcu(n, place, self.components[parts[n]].factors)).collect()
            })
            .collect()
    }

    /// A grey JPEG of one component: what decodes it gives that component's own plane.
    pub fn alone(&self, index: usize) -> Self {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1);
        let (across, down) = (most(|c| c.factors.0), most(|c| c.factors.1));
        let component = &self.components[index];
        let side = |side: u16, own: usize, most: usize| (usize::from(side) * own).div_ceil(most) as u16;
        let (width, height) =
            (side(self.width, component.factors.0, across), side(self.height, component.factors.1, down));
        let (columns, rows) = (width.div_ceil(8).into(), height.div_ceil(8).into());
        let blocks = component.blocks.chunks(component.across).take(rows).flat_map(|row| &row[..columns]);
        let blocks = blocks.copied().collect();
        let alone = Component { factors: (1, 1), steps: component.steps, across: columns, blocks };
        Self { width, height, components: vec![alone] }
    }

    /// A JPEG of one scan, with a restart interval in MCUs, 0 for none. Sound as long as `tables` has a code for every
    /// symbol that comes up.
    pub fn write(&self, tables: &Tables, interval: u16) -> Vec<u8> {
        let mut out = vec![0xFF, 0xD8];
        // Two components of equal steps share a table, as encoders do it.
        let first_like =
            |steps: &[u16; 64]| self.components.iter().position(|c| c.steps == *steps).unwrap_or(0) as u8;
        let is_wide = self.components.iter().any(|c| c.steps.iter().any(|&step| step > 255));
        for (index, component) in (0..).zip(&self.components) {
            if first_like(&component.steps) == index {
                let steps = component
                    .steps
                    .iter()
                    .flat_map(|step| step.to_be_bytes().into_iter().skip(usize::from(!is_wide)));
                segment(
                    &mut out,
                    0xDB,
                    &[u8::from(is_wide) << 4 | index].into_iter().chain(steps).collect::<Vec<_>>(),
                );
            }
        }
        let sides = [self.height, self.width].map(u16::to_be_bytes).concat();
        let components = (0..).zip(&self.components).flat_map(|(index, component)| {
            [index + 1, (component.factors.0 << 4 | component.factors.1) as u8, first_like(&component.steps)]
        });
        let frame = [8].into_iter().chain(sides).chain([self.components.len() as u8]).chain(components);
        segment(&mut out, 0xC0 | u8::from(is_wide), &frame.collect::<Vec<_>>());
        for (number, tables) in tables.iter().enumerate() {
            for (class, table) in tables.iter().enumerate() {
                let id = (class << 4 | number) as u8;
                segment(&mut out, 0xC4, &[&[id], &table.counts[..], &table.symbols].concat());
            }
        }
        if interval > 0 {
            segment(&mut out, 0xDD, &interval.to_be_bytes());
        }
        let selectors = (0..self.components.len()).flat_map(|n| [n as u8 + 1, n.min(1) as u8 * 0x11]);
        let scan = [self.components.len() as u8].into_iter().chain(selectors).chain([0, 63, 0]);
        segment(&mut out, 0xDA, &scan.collect::<Vec<_>>());
        self.write_data(tables, interval.into(), &mut out);
        out.extend([0xFF, 0xD9]);
        out
    }

    fn write_data(&self, tables: &Tables, interval: usize, out: &mut Vec<u8>) {
        let codes = tables.each_ref().map(|tables| tables.each_ref().map(Huffman::codes));
        let mut bits = Writer { out, bits: 0, count: 0 };
        let mut dc = [0; 4];
        let parts: Vec<_> = (0..self.components.len()).collect();
        for (mcu, blocks) in self.order(&parts).iter().enumerate() {
            if interval > 0 && mcu > 0 && mcu.is_multiple_of(interval) {
                bits.restart((mcu / interval - 1) as u8 % 8);
                dc = [0; 4];
            }
            for &(part, block) in blocks {
                let block = &self.components[part].blocks[block];
                bits.block(block, dc[part], &codes[part.min(1)]);
                dc[part] = block[0];
            }
        }
        bits.fill();
    }
}

/// A marker segment (T.81 B.1.1.4).
pub fn segment(out: &mut Vec<u8>, marker: u8, body: &[u8]) {
    out.extend([0xFF, marker]);
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend(body);
}

/// By symbol: its code and the code's length, if it has one.
type Codes = [Option<(u32, u32)>; 256];

/// Writes entropy-coded bits.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    bits: u64,
    /// Of `bits`, those not yet written; fewer than eight.
    count: u32,
}

impl Writer<'_> {
    fn put(&mut self, (code, length): (u32, u32)) {
        self.bits = self.bits << length | u64::from(code);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.bits >> self.count) as u8;
            self.out.push(byte);
            // T.81 F.1.2.3.
            self.out.extend((byte == 0xFF).then_some(0));
        }
    }

    fn fill(&mut self) {
        let padding = self.count.wrapping_neg() % 8;
        self.put(((1 << padding) - 1, padding));
    }

    fn restart(&mut self, number: u8) {
        self.fill();
        self.out.extend([0xFF, 0xD0 + number]);
    }

    /// T.81 F.1.2.
    fn block(&mut self, block: &[i32; 64], dc_before: i32, [dc, ac]: &[Codes; 2]) {
        self.coded(dc, 0, block[0] - dc_before);
        let mut run = 0;
        for &value in &block[1..] {
            if value == 0 {
                run += 1;
                continue;
            }
            (0..run / 16).for_each(|_| self.coded(ac, 15, 0));
            self.coded(ac, run % 16, value);
            run = 0;
        }
        if run > 0 {
            self.coded(ac, 0, 0);
        }
    }

    fn coded(&mut self, codes: &Codes, run: u8, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        self.put(codes[usize::from(run << 4) | size as usize].expect("the table has the symbol"));
        let bits = if value < 0 { value - 1 } else { value } & ((1 << size) - 1);
        self.put((bits as u32, size));
    }
}
